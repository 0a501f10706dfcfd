#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {

bool change_threads(Genome& genome, const Space& space, Rng& rng) {
  const std::vector<int> owner = owners(genome, space);
  std::vector<std::size_t> devices;
  for (std::size_t d = 0; d < space.devices; ++d) {
    if (owner[d] >= 0 && space.threads[d].size() > 1) devices.push_back(d);
  }
  if (devices.empty()) return false;
  const std::size_t device = devices[rng.below(devices.size())];
  std::vector<int> choices = space.threads[device];
  std::erase(choices, genome.threads[device]);
  genome.threads[device] = choices[rng.below(choices.size())];
  return true;
}

}  // namespace dse::search::operators
