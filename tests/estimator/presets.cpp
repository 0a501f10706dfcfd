// The four strategies as presets: what they promise, and what they cost.
#include "estimator/presets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "estimator/costs.hpp"
#include "partition/plan.hpp"
#include "tests/estimator/samples.hpp"

namespace dse::test {
namespace {

constexpr Strategy all_strategies[] = {Strategy::data, Strategy::sequential, Strategy::horizontal, Strategy::vertical};

using Devices = std::vector<std::size_t>;

Devices first_devices(std::size_t count) {
  Devices devices(count);
  std::iota(devices.begin(), devices.end(), std::size_t{0});
  return devices;
}

// Calls `check` with every contiguous pipeline over all of `devices`, in every order.
void for_each_pipeline(const Network& network, Devices devices, const std::function<void(const Mapping&)>& check) {
  std::sort(devices.begin(), devices.end());
  do {
    std::vector<bool> cut(network.layers().size() - 1, false);
    std::fill(cut.begin(), cut.begin() + std::ptrdiff_t(devices.size() - 1), true);
    do {
      std::vector<LayerId> cuts;
      for (std::size_t i = 0; i < cut.size(); ++i)
        if (cut[i]) cuts.push_back(i + 1);
      check(contiguous(network, cuts, devices));
    } while (std::prev_permutation(cut.begin(), cut.end()));
  } while (std::next_permutation(devices.begin(), devices.end()));
}

Mapping prefix(const Network& network, LayerId end, std::size_t rest, const Devices& devices,
               const std::vector<std::int64_t>& shares, Halo halo) {
  const bool whole = end == network.layers().size();
  Mapping mapping = whole ? single_device(network, rest) : contiguous(network, {end}, {rest, rest});
  Stage& stage = mapping.replicas.front().stages.front();
  stage.devices = devices;
  stage.split = Split::rows;
  stage.shares = shares;
  stage.halo = halo;
  return mapping;
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::usage);
    return error.code() + ": " + error.message();
  }
  return "";
}

}  // namespace

TEST_CASE("shares are small integers in proportion to the speeds") {
  using Shares = std::vector<std::int64_t>;
  CHECK(proportional_shares({5, 5}) == Shares{1, 1});
  CHECK(proportional_shares({4e9, 2e9}) == Shares{2, 1});
  CHECK(proportional_shares({3, 1.5, 1}) == Shares{6, 3, 2});
  CHECK(proportional_shares({1, 1e-6}) == Shares{63, 1});
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> speeds(2 + below(random, 5));
    for (double& speed : speeds) speed = 1 + 0.01 * static_cast<double>(below(random, 800));
    const Shares shares = proportional_shares(speeds);
    const double sum = static_cast<double>(std::accumulate(shares.begin(), shares.end(), std::int64_t{0}));
    const double all = std::accumulate(speeds.begin(), speeds.end(), 0.0);
    CHECK(sum <= 64);
    for (std::size_t i = 0; i < speeds.size(); ++i) {
      CHECK(shares[i] >= 1);
      CHECK(static_cast<double>(shares[i]) / sum == relative(speeds[i] / all).epsilon(0.2));
      for (std::size_t j = 0; j < speeds.size(); ++j)
        if (speeds[i] > speeds[j]) CHECK(shares[i] >= shares[j]);
    }
  }
}

TEST_CASE("a preset is a mapping of its strategy over exactly the devices named, with every layer once") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const SmallNetwork network = sample_network(seed);
    PlatformShape shape;
    shape.devices = 4;
    const Platform platform = sample_platform(shape);
    const Estimator estimator(*network, platform);
    for (const Devices& devices : {Devices{0, 1}, Devices{2, 0}, Devices{3, 1, 0}, first_devices(4)}) {
      std::vector<double> speeds;
      for (const std::size_t device : devices) speeds.push_back(device_speed(estimator, device));
      for (const Strategy strategy : all_strategies) {
        const Mapping mapping = preset(estimator, strategy, devices);
        check(mapping, *network, platform);
        CHECK(strategy_name(mapping) == to_string(strategy));
        std::set<std::size_t> used;
        for (const ReplicaMapping& replica : mapping.replicas)
          for (const Stage& stage : replica.stages) {
            used.insert(stage.devices.begin(), stage.devices.end());
            if (stage.split != Split::none) CHECK(stage.shares == proportional_shares(speeds));
          }
        CHECK(used == std::set<std::size_t>(devices.begin(), devices.end()));
        if (strategy != Strategy::data) continue;
        for (std::size_t i = 0; i < devices.size(); ++i)
          CHECK(mapping.replicas[i].share == proportional_shares(speeds)[i]);
      }
    }
  }
}

TEST_CASE("the sequential preset has the least period of all pipelines over its devices") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const SmallNetwork network = sample_network(seed);
    for (const double bandwidth : {1e6, 1e8}) {
      PlatformShape shape;
      shape.bandwidth = bandwidth;
      const Platform platform = sample_platform(shape);
      const Estimator estimator(*network, platform);
      for (const Devices& devices : {Devices{0, 2}, first_devices(3)}) {
        double least = 1e300;
        for_each_pipeline(*network, devices, [&](const Mapping& mapping) {
          least = std::min(least, estimator.estimate(mapping).period_s);
        });
        PresetOptions everything, program;
        everything.exhaustive = 1'000'000;
        program.exhaustive = 0;
        CAPTURE(seed);
        CAPTURE(bandwidth);
        CAPTURE(devices.size());
        CHECK(estimator.estimate(preset(estimator, Strategy::sequential, devices, everything)).period_s == least);
        // The dynamic program takes a network for a chain, and moving one cut at a time ends in a valley.
        CHECK(estimator.estimate(preset(estimator, Strategy::sequential, devices, program)).period_s <= 1.25 * least);
      }
    }
  }
}

TEST_CASE("the vertical preset has the least latency of all prefixes, halos and devices for the rest") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const SmallNetwork network = sample_network(seed);
    PlatformShape shape;
    shape.bandwidth = seed % 2 == 0 ? 1e7 : 1e9;
    Platform platform = sample_platform(shape);
    platform.output = seed % 3;
    const Estimator estimator(*network, platform);
    const Devices devices = first_devices(3);
    std::vector<double> speeds;
    for (const std::size_t device : devices) speeds.push_back(device_speed(estimator, device));
    const std::vector<std::int64_t> shares = proportional_shares(speeds);
    double least = 1e300, least_exchange = 1e300;
    for (LayerId end = 1; end <= network->layers().size(); ++end)
      for (const std::size_t rest : devices)
        for (const Halo halo : {Halo::exchange, Halo::recompute}) {
          const double latency = estimator.estimate(prefix(*network, end, rest, devices, shares, halo)).latency_s;
          least = std::min(least, latency);
          if (halo == Halo::exchange) least_exchange = std::min(least_exchange, latency);
        }
    CAPTURE(seed);
    CHECK(estimator.estimate(preset(estimator, Strategy::vertical, devices)).latency_s == least);
    PresetOptions options;
    options.exhaustive = 0;
    CHECK(estimator.estimate(preset(estimator, Strategy::vertical, devices, options)).latency_s <= 1.1 * least);
    options = {};
    options.halo = Halo::exchange;
    CHECK(estimator.estimate(preset(estimator, Strategy::vertical, devices, options)).latency_s == least_exchange);
  }
}

TEST_CASE("presets take the split that is asked for") {
  const SmallNetwork network = residual_network();
  const Platform platform = sample_platform({});
  const Estimator estimator(*network, platform);
  const auto split_of = [&](Strategy strategy, Split split) {
    PresetOptions options;
    options.split = split;
    return preset(estimator, strategy, first_devices(3), options).replicas.front().stages.front().split;
  };
  CHECK(split_of(Strategy::horizontal, Split::inputs) == Split::inputs);
  CHECK(split_of(Strategy::vertical, Split::tiles) == Split::tiles);
  CHECK(error_of([&] { split_of(Strategy::horizontal, Split::rows); }).starts_with("STRATEGY-SPLIT"));
  CHECK(error_of([&] { split_of(Strategy::vertical, Split::channels); }).starts_with("STRATEGY-SPLIT"));
  CHECK(error_of([&] { split_of(Strategy::data, Split::rows); }).starts_with("STRATEGY-SPLIT"));
}

TEST_CASE("presets take the wire that is asked for, in every stage") {
  const SmallNetwork network = residual_network();
  const Platform platform = sample_platform({});
  const Estimator estimator(*network, platform);
  for (const Strategy strategy : all_strategies) {
    PresetOptions options;
    options.wire = Wire::int8;
    const Mapping mapping = preset(estimator, strategy, first_devices(2), options);
    for (const ReplicaMapping& replica : mapping.replicas)
      for (const Stage& stage : replica.stages) CHECK(stage.wire == Wire::int8);
  }
  const auto sent = [&](Wire wire) {
    PresetOptions options;
    options.wire = wire;
    const Plan plan = lower(*network, platform, preset(estimator, Strategy::horizontal, first_devices(2), options));
    std::int64_t bytes = 0;
    for (const Transfer& transfer : plan.transfers) bytes += transfer.bytes;
    return bytes;
  };
  CHECK(sent(Wire::fp16) < sent(Wire::full));
  CHECK(sent(Wire::int8) < sent(Wire::fp16));
}

TEST_CASE("what is asked wrongly is refused with what would be right") {
  const SmallNetwork network = chain_network(2);
  const Platform platform = sample_platform({});
  const Estimator estimator(*network, platform);
  CHECK(error_of([] { strategy_from_string("vertcal"); }) ==
        "STRATEGY: unknown strategy 'vertcal', did you mean 'vertical'?");
  for (const Strategy strategy : all_strategies) {
    CHECK(strategy_from_string(to_string(strategy)) == strategy);
    CHECK(error_of([&] { preset(estimator, strategy, {1}); }).starts_with("STRATEGY-DEVICES"));
    CHECK(error_of([&] { preset(estimator, strategy, {1, 1}); }).find("named twice") != std::string::npos);
  }
  CHECK(error_of([&] { preset(estimator, Strategy::sequential, first_devices(3)); }).find("at most 2 stages") !=
        std::string::npos);
}

TEST_CASE("what fits comes first, and what does not says what is short") {
  const SmallNetwork network = residual_network();
  PlatformShape shape;
  shape.memory = 1 << 20;
  const Platform tight = sample_platform(shape);
  const Estimator estimator(*network, tight);
  for (const std::size_t exhaustive : {std::size_t{0}, std::size_t{1000}})
    for (const Strategy strategy : all_strategies) {
      PresetOptions options;
      options.exhaustive = exhaustive;
      const Estimate estimate = estimator.estimate(preset(estimator, strategy, first_devices(2), options));
      CHECK_FALSE(estimate.feasible);
      CHECK(estimate.reason.find("device d1 lacks") != std::string::npos);
    }
}

TEST_CASE("a part that others compute beside takes longer by the profile's split factor, whole layers do not") {
  const SmallNetwork network = chain_network(4);
  const Platform alone = sample_platform({});
  Platform together = alone;
  constexpr double factor = 1.25;
  for (Device& device : together.devices) {
    auto profile = std::make_shared<DeviceProfile>(*device.profile);
    profile->split_factor = factor;
    device.profile = profile;
  }
  const Estimator before(*network, alone), after(*network, together);
  for (const Strategy strategy : {Strategy::sequential, Strategy::horizontal}) {
    const Plan plan = lower(*network, alone, preset(before, strategy, {0, 1}));
    std::size_t split = 0;
    for (const Part& part : plan.parts) {
      const bool whole = part.fraction == 1 && part.work.kind == PartKind::full;
      split += whole ? 0 : 1;
      CHECK(after.part(plan, part).seconds == relative((whole ? 1 : factor) * before.part(plan, part).seconds));
    }
    CHECK((split > 0) == (strategy == Strategy::horizontal));
  }
}

TEST_CASE("sums of partial results and copies take time") {
  const SmallNetwork network = chain_network(4);
  Platform platform = sample_platform({});
  for (Device& device : platform.devices) {
    auto profile = std::make_shared<DeviceProfile>(*device.profile);
    profile->cut_seconds_per_byte = 0;
    device.profile = profile;
  }
  const Estimator estimator(*network, platform);
  PresetOptions options;
  options.split = Split::inputs;
  const Plan plan = lower(*network, platform, preset(estimator, Strategy::horizontal, {0, 1}, options));
  std::size_t sums = 0;
  for (const PlanSegment& segment : plan.segments) {
    const DeviceProfile& profile = *platform.devices[segment.device].profile;
    double expected = profile.run_overhead_seconds;
    for (const PartId id : segment.parts) {
      const Part& part = plan.parts[id];
      if (part.work.kind == PartKind::reduce) {
        ++sums;
        double bytes = 0;
        for (const ValuePort& port : part.inputs) bytes += 4.0 * static_cast<double>(port.box.elements());
        for (const ValuePort& port : part.outputs) bytes += 4.0 * static_cast<double>(port.box.elements());
        const ClassModel& adds = *profile.class_model("elementwise", 2);
        expected += adds.base_seconds + bytes / adds.bytes_per_second;
      } else {
        // The layer's own cost, scaled by its class model from the whole's features to the part's.
        const Layer& layer = network->layers()[part.layer];
        const ClassModel& model = *profile.class_model(std::string(to_string(layer.op_class)), 2);
        const auto modelled = [&](double work, double bytes) {
          return model.base_seconds + (model.macs_per_second > 0 ? work / model.macs_per_second : 0) +
                 (model.bytes_per_second > 0 ? bytes / model.bytes_per_second : 0);
        };
        double bytes = 0;
        for (const ValuePort& port : part.inputs) bytes += 4.0 * static_cast<double>(port.box.elements());
        for (const ValuePort& port : part.outputs) bytes += 4.0 * static_cast<double>(port.box.elements());
        for (const WeightSlice& slice : part.weights) bytes += static_cast<double>(slice_size(*network, slice));
        const LayerFeatures whole = features(*network, layer);
        expected += estimator.layer(part.layer, segment.device, 2).seconds *
                    modelled(part.fraction * whole.work, bytes) / modelled(whole.work, whole.bytes);
      }
    }
    CHECK(estimator.segment_seconds(plan, segment) / expected == relative(1));  // Approx is absolute below 1
  }
  CHECK(sums > 0);
  DeviceProfile profile;
  CHECK(copy_seconds(profile, 3e9, 4) == relative(2));
  profile.classes.push_back({"data_movement", 4, 0, 0, 0, 0});
  CHECK(copy_seconds(profile, 3e9, 4) == relative(2));
}

}  // namespace dse::test
