#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {
namespace {

// The placement that is `placement` with devices a and b exchanged; itself where the space has none.
PlacementId exchanged(PlacementId placement, std::size_t a, std::size_t b, const Space& space) {
  Placement wanted = space.placements[placement];
  for (std::size_t& device : wanted.devices) device = device == a ? b : device == b ? a : device;
  const auto placements = static_cast<PlacementId>(space.placements.size());
  for (PlacementId p = 0; p < placements; ++p) {
    const Placement& one = space.placements[p];
    if (one.devices == wanted.devices && one.split == wanted.split && one.shares == wanted.shares &&
        one.halo == wanted.halo && one.wire == wanted.wire) {
      return p;
    }
  }
  return placement;
}

}  // namespace

bool swap_devices(Genome& genome, const Space& space, Rng& rng) {
  if (space.devices < 2) return false;
  const std::vector<int> owner = owners(genome, space);
  std::vector<std::size_t> used;
  for (std::size_t d = 0; d < space.devices; ++d) {
    if (owner[d] >= 0) used.push_back(d);
  }
  const std::size_t a = used[rng.below(used.size())];
  const std::size_t b = (a + 1 + rng.below(space.devices - 1)) % space.devices;
  for (ReplicaGene& replica : genome.replicas) {
    for (PlacementId& placement : replica.layers) placement = exchanged(placement, a, b, space);
  }
  return true;
}

}  // namespace dse::search::operators
