// What holds for every network, platform and mapping (DESIGN section 4).
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "estimator/costs.hpp"
#include "partition/plan.hpp"
#include "tests/estimator/samples.hpp"

namespace dse::test {
namespace {

constexpr double close = 1e-9;

// Calls `check` with random mappings of random networks on random platforms.
template <typename Check>
void for_random_plans(std::size_t rounds, Check check) {
  Random random(7);
  for (std::size_t round = 0; round < rounds; ++round) {
    const SmallNetwork network = sample_network(round);
    PlatformShape shape;
    shape.devices = 2 + below(random, 3);
    shape.kind = below(random, 2) == 0 ? NetworkKind::switched : NetworkKind::shared;
    shape.bandwidth = 1e6 * static_cast<double>(1 + below(random, 100));
    const Platform platform = sample_platform(shape);
    const Mapping mapping = below(random, 2) == 0 ? random_replicas(*network, shape.devices, random)
                                                  : random_free(*network, shape.devices, random);
    CAPTURE(round);
    check(*network, platform, mapping, lower(*network, platform, mapping));
  }
}

double shares_of(const Plan& plan) {
  double sum = 0;
  for (const program::Replica& replica : plan.programs.deployment.replicas) sum += static_cast<double>(replica.share);
  return sum;
}

}  // namespace

TEST_CASE("the period is at least every device's busy time, and energy and memory are those of the devices") {
  for_random_plans(24, [](const Network& network, const Platform& platform, const Mapping&, const Plan& plan) {
    const Estimate e = Estimator(network, platform).estimate(plan);
    double energy_sum = 0, energy_max = 0, memory_max = 0;
    int used = 0;
    for (const DeviceEstimate& of : e.devices) {
      if (!of.used) continue;
      ++used;
      CHECK(e.period_s >= of.busy_s + of.communication_s - close);
      if (platform.links[0].kind == NetworkKind::switched) {
        CHECK(e.period_s >= of.nic_out_s - close);
        CHECK(e.period_s >= of.nic_in_s - close);
      }
      const Power& power = platform.devices[of.device].power;
      CHECK(of.busy_s + of.communication_s + of.waiting_s == relative(e.period_s));
      CHECK(of.energy_j >= power.idle_watts * e.period_s - close);
      CHECK(of.memory_bytes == std::max(of.memory_load_bytes, of.memory_run_bytes));
      CHECK(of.memory_bytes >= of.weight_bytes);
      energy_sum += of.energy_j;
      energy_max = std::max(energy_max, of.energy_j);
      memory_max = std::max(memory_max, of.memory_bytes);
    }
    CHECK(e.energy_sum_j == relative(energy_sum));
    CHECK(e.energy_max_j == energy_max);
    CHECK(e.memory_max_bytes == memory_max);
    CHECK(e.device_count == used);
    CHECK_FALSE(e.bottleneck.empty());
  });
}

TEST_CASE("busy times are the segments', weighted by the replicas' shares") {
  for_random_plans(24, [](const Network& network, const Platform& platform, const Mapping&, const Plan& plan) {
    const Estimator estimator(network, platform);
    const Estimate e = estimator.estimate(plan);
    std::vector<double> busy(platform.devices.size(), 0.0);
    for (const PlanSegment& segment : plan.segments) {
      const double share = static_cast<double>(plan.programs.deployment.replicas[segment.replica].share);
      busy[segment.device] += share / shares_of(plan) * estimator.segment_seconds(plan, segment);
    }
    for (const DeviceEstimate& of : e.devices) CHECK(of.busy_s == relative(busy[of.device]));
  });
}

TEST_CASE("the schedule respects every dependency, computes one step at a time, and ends at the latency") {
  for_random_plans(24, [](const Network& network, const Platform& platform, const Mapping&, const Plan& plan) {
    EstimateOptions options;
    options.schedule = true;
    const Estimate e = Estimator(network, platform).estimate(plan, options);
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>, ScheduledStep> at;
    std::map<std::size_t, double> arrival;  // by transfer
    double last = 0;
    for (const ScheduledStep& s : e.schedule) {
      at[{s.device, s.lane, s.step}] = s;
      last = std::max(last, s.end_s);
      const program::Step& step = plan.programs.programs[s.device].lanes[s.lane].steps[s.step];
      if (step.kind == program::StepKind::send) arrival[step.transfer] = s.end_s;
    }
    CHECK(last == relative(e.latency_s));
    std::map<std::size_t, std::vector<std::pair<double, double>>> computing;
    for (const ScheduledStep& s : e.schedule) {
      const program::Step& step = plan.programs.programs[s.device].lanes[s.lane].steps[s.step];
      CHECK(s.end_s >= s.start_s);
      for (const std::size_t before : step.after) CHECK(s.start_s >= at.at({s.device, s.lane, before}).end_s - close);
      if (step.kind == program::StepKind::receive) CHECK(s.start_s >= arrival.at(step.transfer) - close);
      if (step.kind == program::StepKind::run) computing[s.device].push_back({s.start_s, s.end_s});
    }
    for (auto& [device, spans] : computing) {
      std::sort(spans.begin(), spans.end());
      for (std::size_t i = 1; i < spans.size(); ++i) CHECK(spans[i].first >= spans[i - 1].second - close);
    }
  });
}

TEST_CASE("estimates are told apart where an objective differs by more than both may be off") {
  Estimate a;
  a.latency_s = 1;
  a.period_s = 1;
  a.memory_max_bytes = 1e8;
  a.device_count = 2;
  a.uncertainty = 0.1;
  Estimate b = a;
  const std::vector<Objective> all{Objective::latency, Objective::period, Objective::memory_max, Objective::devices};
  CHECK_FALSE(told_apart(a, b, all));
  b.latency_s = 1.19;
  CHECK_FALSE(told_apart(a, b, all));
  b.latency_s = 1.25;
  CHECK(told_apart(a, b, all));
  CHECK_FALSE(told_apart(a, b, std::vector{Objective::period}));
  b = a;
  b.memory_max_bytes = 1.2e8;
  CHECK(told_apart(a, b, all));
  b = a;
  b.device_count = 3;
  CHECK(told_apart(a, b, all));
}

TEST_CASE("the latency is at least the critical path and any one device's work for the frame") {
  for_random_plans(24, [](const Network& network, const Platform& platform, const Mapping& mapping, const Plan& plan) {
    if (mapping.replicas.size() > 1) return;
    const Estimator estimator(network, platform);
    const Estimate e = estimator.estimate(plan);
    // Longest path of layers, each on its own device, transfers left out.
    std::vector<double> ready(network.tensors().size(), 0.0), work(platform.devices.size(), 0.0);
    double longest = 0;
    std::vector<std::size_t> device_of(network.layers().size(), 0);
    for (const Part& part : plan.parts) device_of[part.layer] = part.device;
    for (LayerId id = 0; id < network.layers().size(); ++id) {
      const double seconds = estimator.layer(id, device_of[id], plan.programs.programs[device_of[id]].threads).seconds;
      double start = 0;
      for (const TensorId input : network.layers()[id].inputs) start = std::max(start, ready[input]);
      for (const TensorId output : network.layers()[id].outputs) ready[output] = start + seconds;
      longest = std::max(longest, start + seconds);
      work[device_of[id]] += seconds;
    }
    CHECK(e.latency_s >= longest - close);
    CHECK(e.latency_s >= *std::max_element(work.begin(), work.end()) - close);
  });
}

TEST_CASE("on one device latency and period are the sum of its layers and one engine call") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const SmallNetwork network = sample_network(seed);
    const Platform platform = sample_platform({});
    const Estimator estimator(*network, platform);
    const Plan plan = lower(*network, platform, single_device(*network, 0));
    double sum = platform.devices[0].profile->run_overhead_seconds;
    for (LayerId id = 0; id < network->layers().size(); ++id)
      sum += estimator.layer(id, 0, plan.programs.programs[0].threads).seconds;
    const Estimate e = estimator.estimate(plan);
    REQUIRE(plan.segments.size() == 1);
    CHECK(e.latency_s == relative(sum));
    CHECK(e.period_s == relative(sum));
    CHECK(e.bottleneck == "device d0");
    CHECK(e.survivability == 0);
  }
}

TEST_CASE("closed form and simulation agree on linear chains, and the simulation is never below") {
  const SmallNetwork network = chain_network(8);
  for (const double bandwidth : {1e5, 1e6, 1e9}) {
    PlatformShape shape;
    shape.devices = 3;
    shape.bandwidth = bandwidth;
    Platform platform = sample_platform(shape);
    platform.output = 2;  // no way back: a chain
    const Estimator estimator(*network, platform);
    Mapping mapping = contiguous(*network, {2, 5}, {0, 1, 2});
    mapping.frames_in_flight = 64;
    const Plan plan = lower(*network, platform, mapping);
    const double closed = estimator.estimate(plan).period_s;
    CHECK(estimator.simulated_period(plan, 800) == relative(closed).epsilon(1e-6));
  }
  for_random_plans(24, [](const Network& of, const Platform& platform, const Mapping&, const Plan& plan) {
    const Estimator estimator(of, platform);
    // A window of the simulation may hold a frame more than its share.
    CHECK(estimator.simulated_period(plan, 1500) >= 0.99 * estimator.estimate(plan).period_s);
  });
}

TEST_CASE("a simulated run has every step of every frame, one at a time, and ends when its last frame does") {
  constexpr std::size_t frames = 20;
  for_random_plans(24, [](const Network& network, const Platform& platform, const Mapping&, const Plan& plan) {
    const Estimator estimator(network, platform);
    const SimulatedRun simulated = estimator.simulated_run(plan, frames);
    std::map<std::vector<std::size_t>, std::vector<std::pair<double, double>>> busy;  // by what does one at a time
    std::map<std::pair<std::size_t, std::size_t>, ScheduledStep> sends, receives;     // by frame and transfer
    double last = 0;
    for (const ScheduledStep& at : simulated.steps) {
      CHECK(at.start_s >= 0);
      CHECK(at.end_s >= at.start_s);
      last = std::max(last, at.end_s);
      const program::Step& step = plan.programs.programs[at.device].lanes[at.lane].steps[at.step];
      const bool send = step.kind == program::StepKind::send, receive = step.kind == program::StepKind::receive;
      if (send) sends[{at.frame, step.transfer}] = at;
      if (receive) receives[{at.frame, step.transfer}] = at;
      busy[{at.device, send ? 1u : receive ? 2u : 0u}].push_back({at.start_s, at.end_s});
      if (send && platform.links[0].kind == NetworkKind::shared) busy[{}].push_back({at.start_s, at.end_s});
    }
    for (auto& [what, spans] : busy) {
      std::sort(spans.begin(), spans.end());
      for (std::size_t i = 1; i < spans.size(); ++i) CHECK(spans[i].first >= spans[i - 1].second - close);
    }
    REQUIRE(sends.size() == receives.size());
    for (const auto& [message, send] : sends) {
      CHECK(receives.at(message).start_s >= send.start_s);
      CHECK(receives.at(message).end_s >= send.end_s);
    }
    CHECK(last == *std::max_element(simulated.finished_s.begin(), simulated.finished_s.end()));

    const std::vector<std::size_t> dealt = program::deal_frames(plan.programs.deployment.replicas, frames);
    std::size_t expected = 0;
    for (const program::Program& program : plan.programs.programs)
      for (const program::Lane& lane : program.lanes)
        expected += static_cast<std::size_t>(std::count(dealt.begin(), dealt.end(), lane.replica)) *
                    static_cast<std::size_t>(std::count_if(lane.steps.begin(), lane.steps.end(), [](const auto& step) {
                      return step.kind != program::StepKind::input && step.kind != program::StepKind::output;
                    }));
    CHECK(simulated.steps.size() == expected);
  });
}

namespace {

// The same figures as a measured table, over which waiting devices notice messages late.
Platform with_wakes(Platform platform, double share, double longest) {
  for (Link& link : platform.links) {
    auto profile = std::make_shared<LinkProfile>();
    for (std::int64_t bytes = 1; bytes < std::int64_t{1} << 40; bytes *= 2)
      profile->table.push_back({bytes, transfer_seconds(link, bytes)});
    profile->wake_share = share;
    profile->wake_longest_seconds = longest;
    link.profile = profile;
  }
  return platform;
}

}  // namespace

TEST_CASE("a device that has waited notices a message later, the longer it has waited, up to a limit") {
  const SmallNetwork network = chain_network(6);
  Platform platform = sample_platform({});
  platform.output = 1;
  const Mapping mapping = contiguous(*network, {3}, {0, 1});
  EstimateOptions options;
  options.schedule = true;
  const Estimate eager = Estimator(*network, with_wakes(platform, 0, 0)).estimate(mapping, options);
  double arrival = 0;  // of the one message: the second device has waited for all of that time
  const Plan plan = lower(*network, platform, mapping);
  for (const ScheduledStep& s : eager.schedule)
    if (plan.programs.programs[s.device].lanes[s.lane].steps[s.step].kind == program::StepKind::send) arrival = s.end_s;
  REQUIRE(arrival > 0);
  const auto latency = [&](double share, double longest) {
    return Estimator(*network, with_wakes(platform, share, longest)).estimate(mapping).latency_s;
  };
  CHECK(latency(0.1, 1) - eager.latency_s == relative(0.1 * arrival));
  CHECK(latency(0.1, arrival / 20) - eager.latency_s == relative(arrival / 20));
}

TEST_CASE("late messages never make anything quicker, and each by the limit at most") {
  for_random_plans(24, [](const Network& network, const Platform& platform, const Mapping&, const Plan& plan) {
    constexpr double longest = 2e-3;
    const Platform eager = with_wakes(platform, 0, 0), late = with_wakes(platform, 0.2, longest);
    const double before = Estimator(network, eager).estimate(plan).latency_s;
    const double after = Estimator(network, late).estimate(plan).latency_s;
    CHECK(after >= before - close);
    CHECK(after <= before + longest * static_cast<double>(plan.transfers.size()) + close);
    // A traced simulation ends when the untraced one does, late messages and all.
    const SimulatedRun run = Estimator(network, late).simulated_run(plan, 12);
    double last = 0;
    for (const ScheduledStep& step : run.steps) last = std::max(last, step.end_s);
    CHECK(last == relative(*std::max_element(run.finished_s.begin(), run.finished_s.end())));
  });
}

TEST_CASE("a simulation that skips what repeats gives the period of one that does not") {
  constexpr std::size_t frames = 301;
  for_random_plans(48, [](const Network& network, const Platform& platform, const Mapping&, const Plan& plan) {
    for (const double wake : {0.0, 0.2}) {
      const Platform late = with_wakes(platform, wake, 2e-3);
      const Estimator estimator(network, late);
      std::vector<double> out = estimator.simulated_run(plan, frames).finished_s;  // every step asked for: no skipping
      for (std::size_t i = 1; i < out.size(); ++i) out[i] = std::max(out[i], out[i - 1]);
      const std::size_t warm = frames / 4;
      const double period = (out.back() - out[warm]) / static_cast<double>(frames - 1 - warm);
      CHECK(estimator.simulated_period(plan, frames) == relative(period).epsilon(1e-6));
    }
  });
}

TEST_CASE("a larger part of a layer never costs less, and the whole what was measured of it") {
  const SmallNetwork network = residual_network();
  const Platform platform = sample_platform({});
  const Estimator estimator(*network, platform);
  for (const Layer& layer : network->layers()) {
    const PartCost model = part_cost(*network, layer, *platform.devices[1].profile, 2);
    CHECK(model.seconds(features(*network, layer)) /
              layer_cost(*network, layer, *platform.devices[1].profile, 2).seconds ==
          relative(1));
  }
  for (const Split split : {Split::rows, Split::channels}) {
    double before = 0;
    for (const std::int64_t share : {1, 2, 3, 4, 5, 6, 7}) {
      Stage stage;
      for (LayerId layer = 0; layer < network->layers().size(); ++layer) stage.layers.push_back(layer);
      stage.devices = {0, 1};
      stage.split = split;
      stage.shares = {share, 8 - share};
      Mapping mapping;
      mapping.replicas.push_back({1, {stage}});
      const Plan plan = lower(*network, platform, mapping);
      double seconds = 0;
      for (const PlanSegment& segment : plan.segments)
        if (segment.device == 0)
          for (const PartId part : segment.parts)
            if (plan.parts[part].layer == 0) seconds += estimator.segment_seconds(plan, segment);
      CHECK(seconds >= before - close);
      before = seconds;
    }
    CHECK(before > 0);
  }
}

TEST_CASE("more bandwidth never hurts") {
  Random random(11);
  for (std::uint64_t round = 0; round < 16; ++round) {
    const SmallNetwork network = sample_network(round);
    const std::size_t devices = 2 + below(random, 2);
    const Mapping mapping = random_contiguous(*network, devices, devices, random);
    double latency = 1e300, period = 1e300;
    for (const double bandwidth : {1e5, 1e6, 1e7, 1e9}) {
      PlatformShape shape;
      shape.devices = devices;
      shape.bandwidth = bandwidth;
      shape.kind = round % 2 == 0 ? NetworkKind::shared : NetworkKind::switched;
      const Platform platform = sample_platform(shape);
      const Estimate e = Estimator(*network, platform).estimate(mapping);
      REQUIRE(e.feasible);
      CHECK(e.latency_s <= latency + close);
      CHECK(e.period_s <= period + close);
      latency = e.latency_s;
      period = e.period_s;
    }
  }
}

TEST_CASE("a memory limit changes feasibility and nothing else; the reason says who lacks how much") {
  const SmallNetwork network = residual_network();
  const Mapping mapping = contiguous(*network, {3}, {0, 1});
  const Platform large = sample_platform({});
  PlatformShape tight_shape;
  tight_shape.memory = 1 << 20;
  const Platform tight = sample_platform(tight_shape);
  const Estimate a = Estimator(*network, large).estimate(mapping), b = Estimator(*network, tight).estimate(mapping);
  CHECK(a.feasible);
  CHECK(a.violation == 0);
  CHECK(a.reason.empty());
  CHECK_FALSE(b.feasible);
  CHECK(b.violation == relative(b.devices[0].memory_bytes / (1 << 20) + b.devices[1].memory_bytes / (1 << 20) - 2));
  CHECK(b.reason.find("device d0 lacks ") != std::string::npos);
  CHECK(b.reason.find("device d1 lacks ") != std::string::npos);
  for (const Objective o : {Objective::latency, Objective::period, Objective::energy_max, Objective::energy_sum,
                            Objective::memory_max, Objective::devices, Objective::survivability}) {
    CHECK(objective_value(a, o) == objective_value(b, o));
  }
}

TEST_CASE("replicas share the frames, and survive the loss of a device") {
  const SmallNetwork network = chain_network(6);
  Platform platform = sample_platform({});
  platform.devices[1].profile = platform.devices[0].profile;
  platform.links[0].bandwidth_bytes_per_second = 1e12;
  platform.links[0].latency_seconds = 1e-9;
  const Estimator estimator(*network, platform);
  const double one = estimator.estimate(single_device(*network, 0)).period_s;
  const Estimate two = estimator.estimate(replicated(*network, {0, 1}, {1, 1}));
  CHECK(two.period_s == relative(one / 2).epsilon(0.01));
  CHECK(two.survivability == relative(0.5).epsilon(0.01));
  const Estimate uneven = estimator.estimate(replicated(*network, {0, 1}, {3, 1}));
  CHECK(uneven.period_s == relative(one * 3 / 4).epsilon(0.01));
  CHECK(objective_value(two, Objective::survivability) == -two.survivability);
}

TEST_CASE("objectives are named; a misspelt one is suggested") {
  CHECK(objective_from_string("energy-max") == Objective::energy_max);
  CHECK(to_string(Objective::memory_max) == "memory-max");
  try {
    objective_from_string("latncy");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::usage);
    CHECK(error.message().find("latency") != std::string::npos);
  }
}

}  // namespace dse::test
