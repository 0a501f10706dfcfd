#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {
namespace {

// Takes about half of the devices of replica `r` for a new replica: the layers on the devices that remain keep their
// places.
bool halve(Genome& genome, const Space& space, Rng& rng) {
  const std::size_t r = rng.below(genome.replicas.size());
  const std::vector<int> owner = owners(genome, space);
  std::vector<PlacementId> mine;
  for (PlacementId p = 0; p < space.devices; ++p) {
    if (owner[p] == static_cast<int>(r)) mine.push_back(p);
  }
  if (mine.size() < 2) return false;
  for (std::size_t i = mine.size() - 1; i > 0; --i) std::swap(mine[i], mine[rng.below(i + 1)]);
  const std::size_t kept = mine.size() / 2;
  const auto cover = [&](std::size_t first, std::size_t last) {
    std::vector<PlacementId> layers = genome.replicas[r].layers;
    PlacementId previous = mine[first];
    for (PlacementId& placement : layers) {
      const auto end = mine.begin() + static_cast<std::ptrdiff_t>(last);
      if (std::find(mine.begin() + static_cast<std::ptrdiff_t>(first), end, placement) != end) previous = placement;
      placement = previous;
    }
    return layers;
  };
  ReplicaGene fresh{genome.replicas[r].share, cover(kept, mine.size())};
  genome.replicas[r].layers = cover(0, kept);
  genome.replicas.push_back(std::move(fresh));
  return true;
}

}  // namespace

bool replicate(Genome& genome, const Space& space, Rng& rng) {
  if (!space.replicas() || genome.replicas.size() >= space.slots()) return false;
  const std::vector<PlacementId> idle = reachable(genome, genome.replicas.size(), space);
  if (idle.empty() || rng.chance(0.4)) return halve(genome, space, rng);
  // A copy of a replica with its runs on idle devices, or the whole network on one of them.
  ReplicaGene fresh = genome.replicas[rng.below(genome.replicas.size())];
  const bool copy = rng.chance(0.5);
  const PlacementId only = idle[rng.below(idle.size())];
  for (const Run& run : runs(std::vector<PlacementId>(fresh.layers))) {
    const PlacementId target = copy ? idle[rng.below(idle.size())] : only;
    for (std::size_t l = run.first; l < run.last; ++l) fresh.layers[l] = target;
  }
  genome.replicas.push_back(std::move(fresh));
  return true;
}

}  // namespace dse::search::operators
