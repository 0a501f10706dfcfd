#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool change_shares(Genome& genome, const Space& space, Rng& rng) {
  if (!space.splits()) return false;
  auto& layers = genome.replicas[rng.below(genome.replicas.size())].layers;
  const std::vector<Run> all = runs(layers);
  const PlacementId stage = all[rng.below(all.size())].placement;
  const std::vector<PlacementId>& others = space.other_shares.at(stage);
  if (others.empty()) return false;
  std::replace(layers.begin(), layers.end(), stage, others[rng.below(others.size())]);
  return true;
}

}  // namespace dse::search::operators
