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

namespace {

Stage split_stage(LayerId first, LayerId end, std::vector<std::size_t> devices, Split split,
                  std::vector<std::int64_t> shares, Halo halo) {
  Stage stage;
  for (LayerId layer = first; layer < end; ++layer) stage.layers.push_back(layer);
  stage.devices = std::move(devices);
  stage.split = stage.devices.size() > 1 ? split : Split::none;
  if (stage.split != Split::none) stage.shares = std::move(shares);
  stage.halo = stage.split == Split::rows || stage.split == Split::tiles ? halo : Halo::exchange;
  return stage;
}

}  // namespace

ReplicaMapping random_hybrid(const Network& network, std::size_t devices, Random& random) {
  static constexpr Split splits[] = {Split::channels, Split::inputs, Split::rows, Split::tiles, Split::batch};
  const std::size_t layers = network.layers().size();
  ReplicaMapping replica;
  for (LayerId first = 0; first < layers;) {
    const LayerId end = std::min<LayerId>(layers, first + 1 + below(random, 1 + layers / (1 + below(random, 4))));
    std::vector<std::size_t> order(devices);
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = devices; i > 1; --i) std::swap(order[i - 1], order[below(random, i)]);
    order.resize(1 + below(random, devices));
    std::vector<std::int64_t> shares;
    if (below(random, 2) == 0)
      for (std::size_t d = 0; d < order.size(); ++d) shares.push_back(1 + static_cast<std::int64_t>(below(random, 5)));
    replica.stages.push_back(split_stage(first, end, order, splits[below(random, std::size(splits))], shares,
                                         below(random, 2) == 0 ? Halo::exchange : Halo::recompute));
    first = end;
  }
  return replica;
}

Mapping random_hybrids(const Network& network, std::size_t devices, Random& random) {
  Mapping mapping;
  const std::size_t count = 1 + below(random, 4) / 3;
  for (std::size_t r = 0; r < count; ++r) mapping.replicas.push_back(random_hybrid(network, devices, random));
  mapping.frames_in_flight = static_cast<int>(below(random, 5));
  return mapping;
}

std::vector<NamedMapping> strategies(const Network& network, std::size_t devices,
                                     const std::vector<std::int64_t>& shares) {
  std::vector<std::size_t> all(devices);
  std::iota(all.begin(), all.end(), 0);
  const LayerId layers = network.layers().size();
  const LayerId half = std::max<LayerId>(1, layers / 2);
  std::vector<NamedMapping> result;
  const auto add = [&](const std::string& name, std::vector<Stage> stages) {
    Mapping mapping;
    mapping.replicas.push_back({1, std::move(stages)});
    result.push_back({name, std::move(mapping)});
  };
  const auto pure = [&](Split split, Halo halo) {
    return std::vector{split_stage(0, layers, all, split, shares, halo)};
  };
  add("horizontal", pure(Split::channels, Halo::exchange));
  add("inputs", pure(Split::inputs, Halo::exchange));
  add("rows, exchange", pure(Split::rows, Halo::exchange));
  add("rows, recompute", pure(Split::rows, Halo::recompute));
  add("tiles, exchange", pure(Split::tiles, Halo::exchange));
  add("tiles, recompute", pure(Split::tiles, Halo::recompute));
  if (layers < 2) return result;
  add("rows, then channels", {split_stage(0, half, all, Split::rows, shares, Halo::recompute),
                              split_stage(half, layers, all, Split::channels, shares, Halo::exchange)});
  // Two replicas: a pipeline whose first stage is split, and everything on the last device.
  Mapping hybrid = single_device(network, devices - 1);
  const std::size_t front = std::max<std::size_t>(1, devices - 1);
  std::vector<std::int64_t> front_shares = shares;
  if (!front_shares.empty()) front_shares.resize(front);
  hybrid.replicas.push_back({2,
                             {split_stage(0, half, {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(front)},
                                          Split::channels, front_shares, Halo::exchange),
                              split_stage(half, layers, {devices - 1}, Split::none, {}, Halo::exchange)}});
  result.push_back({"replica and pipeline", std::move(hybrid)});
  return result;
}

}  // namespace dse::test
