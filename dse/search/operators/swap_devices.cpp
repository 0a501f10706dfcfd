#include <map>

#include "dse/search/operators.hpp"

namespace dse::search::operators {
namespace {

// The placement that is `placement` with devices a and b exchanged; itself where the space has none.
PlacementId exchanged(PlacementId placement, std::size_t a, std::size_t b, const Space& space) {
  std::vector<std::size_t> devices = space.placements[placement].devices;
  for (std::size_t& device : devices) device = device == a ? b : device == b ? a : device;
  return placement_on(space, std::move(devices), space.placements[placement]).value_or(placement);
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
  std::map<PlacementId, PlacementId> known;
  for (ReplicaGene& replica : genome.replicas) {
    for (PlacementId& placement : replica.layers) {
      const auto [entry, fresh] = known.try_emplace(placement, placement);
      if (fresh) entry->second = exchanged(placement, a, b, space);
      placement = entry->second;
    }
  }
  return true;
}

}  // namespace dse::search::operators
