#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

Genome cross_replicas(const Genome& a, const Genome& b, const Space& space, Rng& rng) {
  Genome child = a;
  if (!space.replicas()) return child;
  child.replicas.clear();
  for (const ReplicaGene& replica : a.replicas) {
    if (rng.chance(0.5)) child.replicas.push_back(replica);
  }
  // Those of b whose devices are still idle.
  for (const ReplicaGene& replica : b.replicas) {
    const std::vector<PlacementId> idle = reachable(child, child.replicas.size(), space);
    const bool fits = std::all_of(replica.layers.begin(), replica.layers.end(),
                                  [&](PlacementId p) { return std::binary_search(idle.begin(), idle.end(), p); });
    if (fits) child.replicas.push_back(replica);
  }
  if (child.replicas.empty()) child.replicas = a.replicas;
  return child;
}

}  // namespace dse::search::operators
