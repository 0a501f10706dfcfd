#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool split_stage(Genome& genome, const Space& space, Rng& rng) {
  const std::size_t r = rng.below(genome.replicas.size());
  auto& layers = genome.replicas[r].layers;
  const std::vector<Run> all = runs(layers);
  const Run run = all[rng.below(all.size())];
  std::vector<PlacementId> targets = reachable(genome, r, space);
  std::erase(targets, run.placement);
  if (targets.empty() || run.last - run.first < 2) return false;
  // Head, tail or middle: a middle part makes the pipeline return to the device it came from.
  const std::size_t first = run.first + rng.below(run.last - run.first);
  const std::size_t last = rng.chance(0.5) ? run.last : first + 1 + rng.below(run.last - first);
  const PlacementId target = draw_target(targets, space, rng);
  std::fill(layers.begin() + static_cast<std::ptrdiff_t>(first), layers.begin() + static_cast<std::ptrdiff_t>(last),
            target);
  return true;
}

}  // namespace dse::search::operators
