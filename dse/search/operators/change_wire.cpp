#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool change_wire(Genome& genome, const Space& space, Rng& rng) {
  if (space.other_wires.empty()) return false;
  auto& layers = genome.replicas[rng.below(genome.replicas.size())].layers;
  const std::vector<Run> all = runs(layers);
  const PlacementId stage = all[rng.below(all.size())].placement;
  const std::vector<PlacementId>& others = space.other_wires[stage];
  std::replace(layers.begin(), layers.end(), stage, others[rng.below(others.size())]);
  return true;
}

}  // namespace dse::search::operators
