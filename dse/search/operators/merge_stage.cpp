#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool merge_stage(Genome& genome, const Space&, Rng& rng) {
  auto& layers = genome.replicas[rng.below(genome.replicas.size())].layers;
  const std::vector<Run> all = runs(layers);
  if (all.size() < 2) return false;
  const std::size_t k = rng.below(all.size());
  const bool into_left = k > 0 && (k + 1 == all.size() || rng.chance(0.5));
  const PlacementId target = into_left ? all[k - 1].placement : all[k + 1].placement;
  std::fill(layers.begin() + static_cast<std::ptrdiff_t>(all[k].first),
            layers.begin() + static_cast<std::ptrdiff_t>(all[k].last), target);
  return true;
}

}  // namespace dse::search::operators
