// Estimates from tables and outlines are those of the lowered mapping.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "tests/estimator/samples.hpp"
#include "tests/support/network_generator.hpp"

namespace dse::test {
namespace {

constexpr double exactness = 1e-12;

// DSE_ROUNDS=N looks at N networks, DSE_FIRST_ROUND=N begins with the Nth.
std::size_t from_environment(const char* name, std::size_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

bool same(double a, double b) { return std::abs(a - b) <= exactness * std::max(std::abs(a), std::abs(b)); }

// Runs of random lengths on random devices; often a device returns.
std::vector<LayerRun> random_runs(std::size_t layers, const std::vector<std::size_t>& devices, Random& random) {
  std::vector<LayerRun> runs;
  const std::size_t longest = 1 + below(random, layers);
  for (LayerId first = 0; first < layers;) {
    LayerRun run;
    run.first = first;
    run.end = std::min(layers, first + 1 + below(random, longest));
    run.device = devices[below(random, devices.size())];
    first = run.end;
    if (!runs.empty() && runs.back().device == run.device)
      runs.back().end = run.end;
    else
      runs.push_back(run);
  }
  return runs;
}

std::vector<ReplicaRuns> random_replicas_of_runs(std::size_t layers, std::size_t devices, Random& random) {
  std::vector<std::vector<std::size_t>> groups(1 + below(random, 2));
  for (std::size_t d = 0; d < devices; ++d) groups[below(random, groups.size())].push_back(d);
  std::vector<ReplicaRuns> replicas;
  std::vector<int> threads(devices, 0);
  for (int& of_device : threads) of_device = static_cast<int>(below(random, 3));
  for (const std::vector<std::size_t>& group : groups) {
    if (group.empty()) continue;
    ReplicaRuns& replica = replicas.emplace_back();
    replica.share = static_cast<std::int64_t>(1 + below(random, 3));
    replica.runs = random_runs(layers, group, random);
    const Wire wire = below(random, 4) == 0 ? Wire::fp16 : Wire::full;
    for (LayerRun& run : replica.runs) {
      run.threads = threads[run.device];
      run.wire = wire;
    }
  }
  return replicas;
}

ReplicaMapping on_devices_from(std::size_t first, ReplicaMapping replica) {
  for (Stage& stage : replica.stages)
    for (std::size_t& device : stage.devices) device += first;
  return replica;
}

void check_same(const Estimate& a, const Estimate& b) {
  CHECK(same(a.latency_s, b.latency_s));
  CHECK(same(a.period_s, b.period_s));
  CHECK(same(a.memory_max_bytes, b.memory_max_bytes));
  CHECK(same(a.energy_max_j, b.energy_max_j));
  CHECK(same(a.energy_sum_j, b.energy_sum_j));
  CHECK(same(a.survivability, b.survivability));
  CHECK(same(a.uncertainty, b.uncertainty));
  CHECK(same(a.violation, b.violation));
  CHECK(a.device_count == b.device_count);
  CHECK(a.tier == b.tier);
  CHECK(a.energy_assumed == b.energy_assumed);
  CHECK(a.feasible == b.feasible);
  CHECK(a.reason == b.reason);
  CHECK(a.bottleneck == b.bottleneck);
  REQUIRE(a.devices.size() == b.devices.size());
  for (std::size_t d = 0; d < a.devices.size(); ++d) {
    const DeviceEstimate &x = a.devices[d], &y = b.devices[d];
    CHECK(x.used == y.used);
    CHECK(same(x.busy_s, y.busy_s));
    CHECK(same(x.communication_s, y.communication_s));
    CHECK(same(x.nic_out_s, y.nic_out_s));
    CHECK(same(x.nic_in_s, y.nic_in_s));
    CHECK(same(x.memory_load_bytes, y.memory_load_bytes));
    CAPTURE(d);
    CAPTURE(x.memory_run_bytes - y.memory_run_bytes);
    CHECK(same(x.memory_run_bytes, y.memory_run_bytes));
    CHECK(same(x.weight_bytes, y.weight_bytes));
    CHECK(same(x.energy_j, y.energy_j));
  }
}

// Small ones of every structure, and those of the generator with every operator.
SmallNetwork drawn_network(std::size_t round) {
  if (round % 3 == 0) return sample_network(round / 3);
  if (round % 3 == 1) return random_network(round);
  return {"drawn", build_model(draw_network(round))};
}

// Every pair of devices by a table of its own.
void measure_pairs(Link& link, std::size_t devices, Random& random) {
  auto profile = std::make_shared<LinkProfile>();
  profile->table = {{1, 1e-4}, {1 << 20, 1e-2}};
  for (std::size_t a = 0; a < devices; ++a)
    for (std::size_t b = a + 1; b < devices; ++b) {
      link.pairs[{a, b}] = profile->pairs.size();
      const double slower = 1 + static_cast<double>(below(random, 100));
      profile->pairs.push_back({"", "", {{1, 1e-5 * slower}, {1 << 20, 1e-3 * slower}}});
    }
  link.profile = profile;
}

Platform random_platform(std::size_t devices, Random& random) {
  PlatformShape shape;
  shape.devices = devices;
  shape.kind = below(random, 2) == 0 ? NetworkKind::switched : NetworkKind::shared;
  shape.bandwidth = 1e6 * static_cast<double>(1 + below(random, 100));
  if (below(random, 4) == 0) shape.memory = std::uint64_t{24} << 20;
  Platform platform = sample_platform(shape);
  platform.input = below(random, devices);
  platform.output = below(random, devices);
  platform.input_everywhere = below(random, 3) == 0;
  if (below(random, 3) == 0) measure_pairs(platform.links.at(0), devices, random);
  return platform;
}

}  // namespace

TEST_CASE("runs of whole layers are estimated from tables as their lowered mapping is, within 1e-12") {
  Random random(11);
  std::size_t from_tables = 0, cases = 0;
  const std::size_t rounds = from_environment("DSE_ROUNDS", 60), first_round = from_environment("DSE_FIRST_ROUND", 0);
  for (std::size_t round = 0; round < rounds; ++round) {
    const SmallNetwork network = drawn_network(first_round + round);
    const std::size_t devices = 2 + below(random, 3);
    const Platform platform = random_platform(devices, random);
    const Estimator estimator(*network, platform);
    for (int attempt = 0; attempt < 20; ++attempt) {
      const std::vector<ReplicaRuns> replicas = random_replicas_of_runs(network->layers().size(), devices, random);
      const Mapping mapping = to_mapping(replicas);
      CAPTURE(round);
      CAPTURE(attempt);
      CAPTURE(to_yaml(mapping, *network, platform));
      CAPTURE(platform.input);
      CAPTURE(platform.output);
      CAPTURE(platform.input_everywhere);
      check(mapping, *network, platform);
      const auto tabulated = estimator.tabulated(replicas);
      ++cases;
      if (!tabulated) continue;
      ++from_tables;
      check_same(*tabulated, estimator.estimate(mapping));
    }
  }
  MESSAGE("from tables: ", from_tables, " of ", cases);
  CHECK(from_tables > cases / 2);
}

TEST_CASE("mappings with split stages are estimated from outlines as when they are lowered, within 1e-12") {
  Random random(12);
  std::size_t outlined = 0, cases = 0;
  const std::size_t rounds = from_environment("DSE_ROUNDS", 60), first_round = from_environment("DSE_FIRST_ROUND", 0);
  for (std::size_t round = 0; round < rounds; ++round) {
    const SmallNetwork network = drawn_network(first_round + round);
    const std::size_t devices = 2 + below(random, 3);
    const Platform platform = random_platform(devices, random);
    const Estimator estimator(*network, platform);
    for (int attempt = 0; attempt < 12; ++attempt) {
      Mapping mapping;
      // One replica, or two that share no device.
      const std::size_t first = below(random, 3) == 0 ? 1 + below(random, devices - 1) : devices;
      mapping.replicas.push_back(random_hybrid(*network, first, random));
      if (first < devices)
        mapping.replicas.push_back(on_devices_from(first, random_hybrid(*network, devices - first, random)));
      mapping.frames_in_flight = static_cast<int>(below(random, 4));
      CAPTURE(round);
      CAPTURE(attempt);
      CAPTURE(to_yaml(mapping, *network, platform));
      CAPTURE(platform.input);
      CAPTURE(platform.output);
      CAPTURE(platform.input_everywhere);
      try {
        check(mapping, *network, platform);
      } catch (const Error&) {
        continue;
      }
      ++cases;
      const auto of_outline = estimator.outlined(mapping);
      if (!of_outline) continue;
      ++outlined;
      check_same(*of_outline, estimator.estimate(mapping));
    }
  }
  MESSAGE("from outlines: ", outlined, " of ", cases);
  CHECK(outlined > cases / 2);
}

}  // namespace dse::test
