// Calibration finds the costs that made the times, and never promises less memory than was seen.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "estimator/calibration.hpp"
#include "estimator/class_model.hpp"
#include "estimator/costs.hpp"
#include "estimator/nnls.hpp"
#include "tests/estimator/samples.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse::test {
namespace {

// Times that a device with known costs would show.
struct KnownDevice {
  double call = 2e-6, cut = 5e-11;
  std::map<std::string, double> kernels;

  explicit KnownDevice(const Network& network, double scale = 1) {
    double seconds = 1e-4 * scale;
    for (const Layer& layer : network.layers()) {
      if (kernels.try_emplace(layer.signature, seconds).second) seconds *= 1.37;
    }
  }
  double time(const Network& network, const CalibrationGroup& group) const {
    double seconds = call + cut * group.cut_bytes;
    for (const LayerId id : group.layers) seconds += kernels.at(network.layers()[id].signature);
    return seconds;
  }
  // A part takes a fixed tenth of the whole and the rest by its size; by rows a little more.
  static double share(const CalibrationPart& part) {
    return 0.1 + (part.axis == PartAxis::rows ? 0.9 : 0.85) * part.fraction;
  }
  double time(const Network& network, const CalibrationPart& part) const {
    return call + cut * part.edge_bytes + kernels.at(network.layers()[part.layer].signature) * share(part);
  }
  NetworkTimes times(const Network& network, const CalibrationPlan& plan, int threads) const {
    NetworkTimes result{&network, &plan, threads, {}, {}, {}};
    for (const auto& chain : plan.chains) {
      auto& groups = result.chains.emplace_back();
      for (const CalibrationGroup& group : chain) groups.push_back({time(network, group), 0.01, 10});
    }
    for (const CalibrationPart& part : plan.parts) result.parts.push_back({time(network, part), 0.01, 10});
    return result;
  }
};

}  // namespace

TEST_CASE("every chain of the plan is the whole network, each layer once, with its ports") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const SmallNetwork network = sample_network(seed);
    const CalibrationPlan plan = plan_calibration(*network);
    CHECK(plan.chains.front().size() == 1);
    CHECK(plan.chains.front()[0].cut_bytes == 0);
    for (const auto& chain : plan.chains) {
      LayerId next = 0;
      std::vector<bool> available(network->tensors().size(), false);
      for (const TensorId id : network->inputs()) available[id] = true;
      for (const CalibrationGroup& group : chain) {
        for (const LayerId id : group.layers) CHECK(id == next++);
        for (const TensorId id : group.inputs) CHECK(available[id]);
        for (const TensorId id : group.outputs) available[id] = true;
      }
      CHECK(next == network->layers().size());
      for (const TensorId id : network->outputs()) CHECK(available[id]);
    }
  }
}

TEST_CASE("fitting exact times gives back the costs that made them") {
  const SmallNetwork network = chain_network(12), other = residual_network();
  const CalibrationPlan plan = plan_calibration(*network), other_plan = plan_calibration(*other);
  const KnownDevice device(*network), other_device(*other, 3);
  DeviceProfile profile;
  const std::vector<NetworkTimes> times{device.times(*network, plan, 1), other_device.times(*other, other_plan, 2)};
  const std::vector<HoldOut> hold_outs = fit_times(times, {}, profile);
  REQUIRE(hold_outs.size() == 2);
  for (const double error : hold_outs[0].errors) CHECK(std::abs(error) < 0.01);
  for (const double error : hold_outs[1].errors) CHECK(std::abs(error) < 0.01);
  double known = 0, fitted = 0;
  for (const Layer& layer : other->layers()) {
    const KernelMeasurement* kernel = profile.find(layer.signature, 2);
    REQUIRE(kernel != nullptr);
    known += other_device.kernels.at(layer.signature);
    fitted += kernel->seconds;
    CHECK(layer_cost(*other, layer, profile, 2).tier == Tier::table);
  }
  CHECK(fitted == relative(known).epsilon(0.01));
}

TEST_CASE("halves, thirds and quarters of the heavy layers are planned, each as one model's work") {
  const SmallNetwork network = chain_network(6);
  const std::vector<CalibrationPart> parts = plan_parts(*network);
  std::map<PartAxis, std::size_t> by_axis;
  for (const CalibrationPart& part : parts) {
    CHECK(part.fraction > 0.15);
    CHECK(part.fraction < 0.6);
    CHECK(part.macs == relative(part.fraction * static_cast<double>(network->layers()[part.layer].macs)));
    ++by_axis[part.axis];
    const PartModelRequest request{"part", {part.work}, part.inputs, part.outputs, {}};
    CHECK_NOTHROW(write_part_model(*network, request));
  }
  for (const PartAxis axis : {PartAxis::channels, PartAxis::inputs, PartAxis::rows}) CHECK(by_axis[axis] >= 2);
}

TEST_CASE("a part costs what was measured of it, and what lies between is between") {
  const SmallNetwork network = chain_network(6);
  const CalibrationPlan plan = plan_calibration(*network);
  const KnownDevice device(*network);
  DeviceProfile profile;
  const std::vector<NetworkTimes> times{device.times(*network, plan, 1)};
  fit_times(times, {}, profile);
  REQUIRE(profile.parts.size() == plan.parts.size());
  CHECK(profile.part_error < 0.05);
  for (const CalibrationPart& part : plan.parts) {
    const Layer& layer = network->layers()[part.layer];
    const double whole = profile.find(layer.signature, 1)->seconds;
    const PartCurve curve = part_curve(profile, layer.signature, part.axis, 1, whole);
    CHECK(curve.seconds(part.fraction) == relative(whole * KnownDevice::share(part)).epsilon(0.05));
    CHECK(curve.seconds(1) == whole);
    CHECK(part_cost(*network, layer, profile, 1).curve(part.axis).seconds(part.fraction) ==
          curve.seconds(part.fraction));
    CHECK_FALSE(part_curve(profile, layer.signature, part.axis, 2, whole).known());
  }
}

TEST_CASE("whatever was measured, a larger part never costs less, and none more than the whole") {
  std::mt19937 random(9);
  const auto uniform = [&] { return static_cast<double>(random() % 1000) / 1000; };
  for (int round = 0; round < 200; ++round) {
    std::vector<CurvePoint> points;
    for (std::size_t i = 1 + random() % 6; i > 0; --i)
      points.push_back({0.01 + 0.98 * uniform(), 1e-6 + 2 * uniform()});
    const PartCurve curve(points, 1);
    double before = 0;
    for (int step = 0; step <= 100; ++step) {
      const double seconds = curve.seconds(step / 100.0);
      CHECK(seconds >= before - 1e-12);
      CHECK(seconds <= 1);
      before = seconds;
    }
    CHECK(before == 1);
  }
}

TEST_CASE("a part that was not measured takes after kernels of its own shape") {
  // Kernels of few output channels take twice what the class' model says of them.
  const SmallNetwork network = chain_network(6);
  const Layer& layer = network->layers()[2];
  REQUIRE(layer.op_class == OperatorClass::convolution);
  const KernelShape shape = kernel_shape(*network, layer);
  DeviceProfile profile;
  profile.classes.push_back({"convolution", 1, 1e-7, 1e9, 0, 0.1});
  const auto add = [&](double share, double slower) {
    KernelMeasurement kernel;
    kernel.op_class = "convolution";
    kernel.signature = "Conv{" + std::to_string(share) + "}";
    kernel.shape = shape;
    kernel.shape.channels_out *= share;
    kernel.macs = share * static_cast<double>(layer.macs);
    kernel.seconds = slower * roofline_seconds(profile.classes[0], kernel.macs, 0);
    for (int i = 0; i < 20; ++i) profile.kernels.push_back(kernel);
  };
  add(0.25, 2);
  add(1, 1);
  add(4, 1);
  const PartCost cost = part_cost(*network, layer, profile, 1);
  const PartCurve& channels = cost.curve(PartAxis::channels);
  REQUIRE(channels.known());
  CHECK_FALSE(cost.measured[static_cast<std::size_t>(PartAxis::channels)]);
  CHECK(channels.seconds(1) == layer_cost(*network, layer, profile, 1).seconds);
  CHECK(channels.seconds(0.25) > 1.5 * 0.25 * channels.seconds(1));
  double before = 0;
  for (int eighths = 0; eighths <= 16; ++eighths) {
    const double seconds = channels.seconds(eighths / 16.0);
    CHECK(seconds >= before);
    before = seconds;
  }
}

TEST_CASE("a measured part is a kernel of its own shape") {
  const KernelShape whole{64, 128, 400, 100};
  const auto shape = [&](PartAxis axis, bool depthwise) { return part_shape(whole, axis, 0.25, depthwise); };
  CHECK(shape(PartAxis::channels, false).channels_out == 32);
  CHECK(shape(PartAxis::channels, false).channels_in == 64);
  CHECK(shape(PartAxis::channels, true).channels_in == 16);
  CHECK(shape(PartAxis::inputs, false).channels_in == 16);
  CHECK(shape(PartAxis::inputs, false).channels_out == 128);
  CHECK(shape(PartAxis::rows, false).positions_in == 100);
  CHECK(shape(PartAxis::rows, false).positions_out == 25);
}

TEST_CASE("a copy costs what copies of its size were measured to, and something without") {
  DeviceProfile profile;
  CHECK(copy_seconds(profile, 3e6, 1) > 0);
  profile.copies = {{1000, 1e-6, 1e-7}, {10'000, 5e-6, 1e-6}, {20'000, 20e-6, 2e-6}};
  CHECK(copy_seconds(profile, 10, 1) == relative(1e-6));
  CHECK(copy_seconds(profile, 1000, 1) == relative(1e-6));
  CHECK(copy_seconds(profile, 5500, 1) == relative(3e-6));
  CHECK(copy_seconds(profile, 20'000, 1) == relative(20e-6));
  CHECK(copy_seconds(profile, 40'000, 1) == relative(40e-6));
}

TEST_CASE("how late a message is noticed: in proportion to the wait, up to a limit") {
  std::vector<WakeObservation> observations;
  for (const double waited : {5e-4, 1e-3, 2e-3, 4e-3, 8e-3})
    observations.push_back({waited, std::min(0.1 * waited, 3e-4)});
  LinkProfile link;
  fit_wakes(observations, link);
  CHECK(link.wake_share == relative(0.1));
  CHECK(link.wake_longest_seconds == relative(3e-4));
  // One that spins is never late.
  for (WakeObservation& one : observations) one.late_seconds = 0;
  fit_wakes(observations, link);
  CHECK(link.wake_share == 0);
  CHECK(link.wake_longest_seconds == 0);
  fit_wakes({}, link);
  CHECK(link.wake_share == 0);
}

TEST_CASE("all pairs of few hosts are measured, and of many each network interface twice") {
  for (std::size_t hosts = 2; hosts <= 24; ++hosts) {
    CAPTURE(hosts);
    std::set<HostPair> pairs;
    for (std::size_t a = 0; a < hosts; ++a)
      for (std::size_t b = a + 1; b < hosts; ++b) pairs.insert(host_pair(fmt::format("h{}", b), fmt::format("h{}", a)));
    pairs.insert(host_pair("h0", "h0"));
    const std::vector<HostPair> chosen = pairs_to_measure(pairs);
    const std::set<HostPair> distinct(chosen.begin(), chosen.end());
    CHECK(distinct.size() == chosen.size());
    CHECK(std::includes(pairs.begin(), pairs.end(), distinct.begin(), distinct.end()));
    if (pairs.size() <= 15) {
      CHECK(distinct == pairs);
      continue;
    }
    CHECK(chosen.size() == hosts + 1);
    std::map<std::string, int> times;
    for (const auto& [first, second] : chosen)
      if (first != second) ++times[first], ++times[second];
    CHECK(times.size() == hosts);
    for (const auto& [host, count] : times) CHECK(count == 2);
  }
}

TEST_CASE("pairs of hosts make one network: a table each, the slowest between hosts for all others") {
  const auto profile = [](double slower, double both_ways) {
    LinkProfile p;
    p.between = "a,b";
    p.table = {{1, 1e-4 * slower}, {1024, 2e-4 * slower}};
    p.cpu_seconds_per_message = 1e-6 * slower;
    p.both_ways = both_ways;
    return p;
  };
  LinkProfile longer = profile(3, 1.1);
  longer.table.push_back({2048, 1});
  const LinkProfile lan =
      merge_pairs("lan", {{{"a", "a"}, profile(9, 3.0)}, {{"a", "b"}, profile(2, 1.2)}, {{"a", "c"}, longer}});
  CHECK(lan.name == "lan");
  CHECK(lan.both_ways == 1.2);  // the ranks of one host do not use the network
  CHECK(lan.cpu_seconds_per_message == 9e-6);
  CHECK(lan.pairs.size() == 3);
  REQUIRE(lan.table.size() == 2);
  CHECK(lan.seconds(1024) == doctest::Approx(6e-4));
  const LinkProfile one = merge_pairs("lan", {{{"a", "b"}, profile(2, 1.2)}});
  CHECK(one.pairs.empty());
  CHECK(one.between == "a,b");
  CHECK(one.seconds(1) == doctest::Approx(2e-4));
}

TEST_CASE("an unmeasured layer is estimated by its class, and says so") {
  const SmallNetwork measured = random_network(3, 24), unseen = branch_network();
  const CalibrationPlan plan = plan_calibration(*measured);
  const KnownDevice device(*measured);
  DeviceProfile profile;
  const std::vector<NetworkTimes> times{device.times(*measured, plan, 1)};
  fit_times(times, {}, profile);
  bool any = false;
  for (const Layer& layer : unseen->layers()) {
    if (profile.find(layer.signature, 1) != nullptr) continue;
    any = true;
    const LayerCost cost = layer_cost(*unseen, layer, profile, 1);
    CHECK(cost.tier == Tier::analytical);
    CHECK(cost.seconds > 0);
    CHECK(cost.uncertainty > 0);
    CHECK(layer_cost(*unseen, layer, profile, 2).uncertainty >= unmeasured_threads_uncertainty);
  }
  CHECK(any);
}

TEST_CASE("an unmeasured kernel takes after those like it, and far from all it is the model's alone") {
  const ClassModel model{"convolution", 1, 1e-6, 1e9, 0, 0.1};
  std::vector<KernelMeasurement> kernels;
  for (const double channels : {16.0, 32.0, 64.0}) {
    const double macs = channels * channels * 9 * 196;
    kernels.push_back({"Conv{}",
                       "convolution",
                       1,
                       1.5 * roofline_seconds(model, macs, 0),
                       0,
                       9,
                       macs,
                       0,
                       {channels, channels, 196, 196}});
  }
  std::vector<const KernelMeasurement*> measured;
  for (const KernelMeasurement& kernel : kernels) measured.push_back(&kernel);
  const Neighbours neighbours(model, measured);
  const Neighbourhood among = neighbours.of(kernels[1]);
  CHECK(among.factor > 1.3);
  CHECK(among.factor < 1.5);
  CHECK(among.support > 0.7);
  KernelMeasurement far = kernels[1];
  far.shape = {2048, 2048, 4, 4};
  CHECK(neighbours.of(far).factor == relative(1));
  CHECK(neighbours.of(far).support < 1e-6);
  far.shape = {};
  CHECK(neighbours.of(far).factor == 1);
  CHECK(narrow_class(kernels[0]) == "convolution/Conv");
  CHECK(covers({"convolution/Conv", 1, 0, 0, 0, 0}, kernels[0]));
  CHECK_FALSE(covers({"convolution/ConvInteger", 1, 0, 0, 0, 0}, kernels[0]));
  CHECK_FALSE(covers({"convolution", 2, 0, 0, 0, 0}, kernels[0]));
}

TEST_CASE("a cut costs where a convolution or a pooling is next to it") {
  OnnxBuild build;
  build.input("x", {1, 8, 6, 6}).conv("x", "c", 8, 8);
  build.node("Sigmoid", {"x"}, {"s"}, "s");
  OnnxBuild::integer(build.node("Concat", {"c", "s"}, {"j"}, "join"), "axis", 1);
  build.node("Softmax", {"j"}, {"y"}, "last");
  build.output("y", {1, 16, 6, 6});
  const SmallNetwork network("cuts", build.serialised());
  const auto bytes = [&](const std::string& name, Port how) {
    for (TensorId id = 0; id < network->tensors().size(); ++id)
      if (network->tensors()[id].name == name)
        return relaid_bytes(*network, {tensor_value(id), Box::whole(network->tensors()[id].tensor.shape)}, how);
    return -1.0;
  };
  CHECK(bytes("c", Port::made) == 8 * 36 * 4);
  CHECK(bytes("c", Port::read) == 0);
  CHECK(bytes("x", Port::read) == 8 * 36 * 4);
  CHECK(bytes("j", Port::made) == 0);
  CHECK(bytes("j", Port::read) == 0);
}

TEST_CASE("while sessions are created, the moment counts in which most is held") {
  SegmentMemory first, second, third;
  first.relaid_bytes = first.folded_bytes = 100;
  first.largest_relaid_bytes = 50;
  second.relaid_bytes = 10;
  second.largest_relaid_bytes = 10;
  third.relaid_bytes = 120;
  third.largest_relaid_bytes = 20;
  const LoadingMemory one = loading_memory(std::vector<SegmentMemory>{first, second});
  CHECK(one.sessions == 1);
  CHECK(one.folded_bytes == 100);
  const LoadingMemory last = loading_memory(std::vector<SegmentMemory>{first, second, third, third});
  CHECK(last.sessions == 4);
  CHECK(last.relaid_bytes == 350);
  CHECK(last.folded_bytes == 0);
}

TEST_CASE("every layer of every session takes memory, loading and running") {
  DeviceProfile profile = generic_profile(1);
  SegmentMemory one, other;
  one.parts = 3;
  other.parts = 4;
  const std::vector<SegmentMemory> segments{one, other};
  const DeviceMemory before = device_memory(profile, segments, 0);
  profile.memory_part_bytes = 1e5;
  const DeviceMemory after = device_memory(profile, segments, 0);
  CHECK(after.run_bytes - before.run_bytes == relative(7e5));
  CHECK(after.load_bytes - before.load_bytes == relative(7e5));
}

TEST_CASE("the arena grows by every segment that is hungrier than all before it") {
  ArenaDemand arena;
  for (const std::int64_t bytes : {3, 5, 2, 5, 6}) {
    SegmentMemory segment;
    segment.live_bytes = bytes;
    segment.arena_bytes = 10 - bytes;
    arena.add(segment);
  }
  CHECK(arena.first_bytes == 8);
  CHECK(arena.grown_bytes == 3 + 5 + 6);
}

TEST_CASE("an arena uses the smallest piece that holds a value, and grows where none does") {
  Arena arena;
  const std::int64_t small = arena.take(10), large = arena.take(100);
  CHECK(arena.bytes() == 110);
  arena.give_back(small);
  arena.give_back(large);
  CHECK(arena.take(8) == 10);
  CHECK(arena.take(11) == 100);
  CHECK(arena.take(1) == 1);
  CHECK(arena.bytes() == 111);
}

TEST_CASE("fitted memory is never below what was observed, and not far above") {
  std::vector<MemoryObservation> seen;
  std::mt19937 random(5);
  for (int i = 0; i < 8; ++i) {
    MemoryObservation o;
    o.sessions = i % 4 == 3 ? 9 : 1;
    o.parts = static_cast<double>(9 + random() % 90);
    o.weight_bytes = 1e6 * static_cast<double>(10 + random() % 90);
    o.loading = {o.sessions, o.parts, o.weight_bytes / 2, i % 2 == 0 ? o.weight_bytes / 4 : 0, o.weight_bytes / 6};
    o.arena.first_bytes = 1e6 * static_cast<double>(1 + random() % 20);
    o.arena.grown_bytes = o.sessions > 1 ? 1.8 * o.arena.first_bytes : o.arena.first_bytes;
    const double noise = 0.97 + 0.06 * static_cast<double>(random() % 100) / 100;
    o.run_peak_bytes = noise * (15e6 + 2e5 * o.sessions + 1e5 * o.parts + 1.05 * o.weight_bytes +
                                1.2 * o.arena.first_bytes + 0.8 * o.arena.grown_bytes);
    o.loaded_peak_bytes = 15e6 + 2e5 * o.sessions + 1e5 * o.parts + 1.05 * o.loading.relaid_bytes +
                          0.9 * o.loading.folded_bytes + 2.5 * o.loading.largest_relaid_bytes;
    seen.push_back(o);
  }
  DeviceProfile profile;
  profile.memory_base_bytes = 30e6;
  fit_memory(seen, profile);
  for (const MemoryObservation& o : seen) {
    const double base = profile.memory_base_bytes - 30e6 + profile.memory_session_bytes * o.sessions +
                        profile.memory_part_bytes * o.parts;
    const double run = base + profile.memory_weight_factor * o.weight_bytes +
                       profile.memory_activation_factor * o.arena.first_bytes +
                       profile.memory_growth_factor * o.arena.grown_bytes;
    const double load = base + profile.memory_load_bytes + profile.memory_relaid_factor * o.loading.relaid_bytes +
                        profile.memory_fold_factor * o.loading.folded_bytes +
                        profile.memory_load_factor * o.loading.largest_relaid_bytes;
    CHECK(30e6 + run >= (30e6 + o.run_peak_bytes) * 1.015);
    CHECK(run <= o.run_peak_bytes * 1.15);
    CHECK(30e6 + load >= (30e6 + o.loaded_peak_bytes) * 1.015);
    CHECK(load <= o.loaded_peak_bytes * 1.15);
  }
}

TEST_CASE("least squares stay above zero, and exact where that is no limit") {
  Eigen::MatrixXd a(4, 2);
  a << 1, 0, 0, 1, 1, 1, 2, 1;
  const Eigen::VectorXd exact = nnls(a, a * Eigen::Vector2d(2, 3));
  CHECK(exact[0] == relative(2));
  CHECK(exact[1] == relative(3));
  const Eigen::VectorXd held = nnls(a, a * Eigen::Vector2d(2, -1));
  CHECK(held[1] == 0);
  CHECK(held[0] > 0);
}

}  // namespace dse::test
