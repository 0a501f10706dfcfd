#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool reassign(Genome& genome, const Space& space, Rng& rng) {
  const std::size_t r = rng.below(genome.replicas.size());
  auto& layers = genome.replicas[r].layers;
  const std::vector<Run> all = runs(layers);
  const Run run = all[rng.below(all.size())];
  std::vector<PlacementId> targets = reachable(genome, r, space);
  std::erase(targets, run.placement);
  if (targets.empty()) return false;
  const PlacementId target = draw_target(targets, space, rng);
  std::fill(layers.begin() + static_cast<std::ptrdiff_t>(run.first),
            layers.begin() + static_cast<std::ptrdiff_t>(run.last), target);
  return true;
}

}  // namespace dse::search::operators
