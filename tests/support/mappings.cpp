#include "tests/support/mappings.hpp"

#include <algorithm>
#include <numeric>
#include <set>

namespace dse::test {

std::size_t below(Random& random, std::size_t limit) { return static_cast<std::size_t>(random() % limit); }

Mapping random_contiguous(const Network& network, std::size_t stages, std::size_t devices, Random& random) {
  std::vector<std::size_t> order(devices);
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = devices; i > 1; --i) std::swap(order[i - 1], order[below(random, i)]);
  const std::size_t layers = network.layers().size();
  stages = std::min({stages, devices, layers});
  std::set<LayerId> cuts;
  while (cuts.size() + 1 < stages) cuts.insert(1 + below(random, layers - 1));
  order.resize(stages);
  return contiguous(network, {cuts.begin(), cuts.end()}, order);
}

Mapping random_free(const Network& network, std::size_t devices, Random& random) {
  const std::size_t mean_run = 1 + below(random, 8);
  std::vector<std::vector<LayerId>> layers(devices);
  std::size_t device = below(random, devices);
  for (LayerId layer = 0; layer < network.layers().size(); ++layer) {
    if (below(random, mean_run) == 0) device = below(random, devices);
    layers[device].push_back(layer);
  }
  ReplicaMapping replica;
  for (std::size_t d = 0; d < devices; ++d) {
    if (layers[d].empty()) continue;
    Stage stage;
    stage.layers = layers[d];
    stage.devices = {d};
    replica.stages.push_back(std::move(stage));
  }
  std::sort(replica.stages.begin(), replica.stages.end(),
            [](const Stage& a, const Stage& b) { return a.layers < b.layers; });
  Mapping mapping;
  mapping.replicas = {replica};
  mapping.frames_in_flight = static_cast<int>(below(random, 4));
  return mapping;
}

Mapping random_replicas(const Network& network, std::size_t devices, Random& random) {
  Mapping mapping;
  const std::size_t count = 1 + below(random, 3);
  for (std::size_t r = 0; r < count; ++r) {
    Mapping one = below(random, 2) == 0 ? random_free(network, devices, random)
                                        : random_contiguous(network, 1 + below(random, devices), devices, random);
    one.replicas.front().share = 1 + static_cast<std::int64_t>(below(random, 3));
    mapping.replicas.push_back(std::move(one.replicas.front()));
  }
  return mapping;
}

}  // namespace dse::test
