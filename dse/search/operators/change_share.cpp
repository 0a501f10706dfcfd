#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool change_share(Genome& genome, const Space& space, Rng& rng) {
  if (genome.replicas.size() < 2) return false;
  const std::size_t r = rng.below(genome.replicas.size());
  const bool more = rng.chance(0.5);
  // Shares are reduced: 1:1 has no neighbour below, so scaling all of them first opens the ratios in between.
  std::int64_t largest = 1;
  for (const ReplicaGene& replica : genome.replicas) largest = std::max(largest, replica.share);
  const std::int64_t scale =
      1 + static_cast<std::int64_t>(rng.below(static_cast<std::size_t>(space.max_share / largest)));
  const std::int64_t before = genome.replicas[r].share * scale;
  const auto step = static_cast<std::int64_t>(rng.geometric(static_cast<std::size_t>(space.max_share)));
  const std::int64_t after = std::clamp<std::int64_t>(more ? before + step : before - step, 1, space.max_share);
  if (after == before) return false;
  for (ReplicaGene& replica : genome.replicas) replica.share *= scale;
  genome.replicas[r].share = after;
  return true;
}

}  // namespace dse::search::operators
