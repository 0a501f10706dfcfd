#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool cut_shift(Genome& genome, const Space&, Rng& rng) {
  auto& layers = genome.replicas[rng.below(genome.replicas.size())].layers;
  const std::vector<Run> all = runs(layers);
  if (all.size() < 2) return false;
  const std::size_t border = 1 + rng.below(all.size() - 1);
  const Run &left = all[border - 1], &right = all[border];
  const bool forward = rng.chance(0.5);
  const std::size_t step = rng.geometric(forward ? right.last - right.first : left.last - left.first);
  for (std::size_t i = 0; i < step; ++i) {
    if (forward)
      layers[right.first + i] = left.placement;
    else
      layers[right.first - 1 - i] = right.placement;
  }
  return true;
}

}  // namespace dse::search::operators
