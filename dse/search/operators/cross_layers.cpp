#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

Genome cross_layers(const Genome& a, const Genome& b, const Space& space, Rng& rng) {
  Genome child = a;
  const std::size_t r = rng.below(child.replicas.size());
  const std::vector<PlacementId>& other = b.replicas[rng.below(b.replicas.size())].layers;
  // Two-point three times out of four, else one-point. Layers whose placement in b is on another replica's devices stay
  // as they are.
  std::size_t first = rng.below(space.layers);
  std::size_t last = rng.chance(0.25) ? space.layers - 1 : rng.below(space.layers);
  if (first > last) std::swap(first, last);
  const std::vector<PlacementId> allowed = reachable(child, r, space);
  auto& layers = child.replicas[r].layers;
  for (std::size_t l = first; l <= last; ++l) {
    if (std::binary_search(allowed.begin(), allowed.end(), other[l])) layers[l] = other[l];
  }
  return child;
}

}  // namespace dse::search::operators
