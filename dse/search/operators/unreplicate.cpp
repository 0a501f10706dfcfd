#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool unreplicate(Genome& genome, const Space& space, Rng& rng) {
  if (genome.replicas.size() < 2) return false;
  const std::size_t dropped = rng.below(genome.replicas.size());
  const ReplicaGene gone = genome.replicas[dropped];
  genome.replicas.erase(genome.replicas.begin() + static_cast<std::ptrdiff_t>(dropped));
  if (!space.stages() || rng.chance(0.5)) return true;
  // One pipeline over the devices of both: a head of one, the tail of the other.
  ReplicaGene& other = genome.replicas[rng.below(genome.replicas.size())];
  const std::size_t cut = rng.below(space.layers + 1);
  const bool head = rng.chance(0.5);
  for (std::size_t l = head ? 0 : cut; l < (head ? cut : space.layers); ++l) other.layers[l] = gone.layers[l];
  return true;
}

}  // namespace dse::search::operators
