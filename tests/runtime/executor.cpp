#include "runtime/executor.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/error.hpp"
#include "tests/runtime/toy.hpp"

using namespace dse;
using dse::toy::Pieces;

namespace {

runtime::ExecutorOptions frames(std::size_t count) {
  runtime::ExecutorOptions options;
  options.frames = count;
  options.deadline_s = 60;
  return options;
}

void run_and_check(const toy::Network& network, const std::vector<toy::ReplicaChoice>& replicas, std::size_t devices,
                   Pieces pieces, std::size_t count = 20) {
  const program::ProgramSet set = toy::lower(network, replicas, devices, pieces);
  program::check(set);
  toy::check_outputs(network, set, toy::run_all(network, set, frames(count)), count);
}

Error error_of(const toy::Outcome& outcome) {
  REQUIRE(outcome.error);
  try {
    std::rethrow_exception(outcome.error);
  } catch (const Error& error) {
    return error;
  }
}

std::vector<std::size_t> sequence(std::size_t count) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(i);
  return result;
}

// A peer that takes its message only after a while: the sender's memory stays in use until then.
class SlowPeer : public runtime::Transport {
 public:
  std::size_t device() const override { return 0; }
  void post_send(std::size_t, std::size_t, std::span<const std::byte> message, runtime::Token token) override {
    sent_ = {message.begin(), message.end()};
    message_ = message;
    token_ = token;
  }
  void post_receive(std::size_t, std::size_t, std::span<std::byte>, runtime::Token) override {}
  bool wait(std::vector<runtime::Token>& finished, runtime::Clock::time_point) override {
    if (!token_ || ++looks_ < 5) return false;
    kept = std::equal(sent_.begin(), sent_.end(), message_.begin(), message_.end());
    finished.push_back(*token_);
    token_.reset();
    return true;
  }
  void abort(std::exception_ptr) override {}
  bool kept = false;

 private:
  std::vector<std::byte> sent_;
  std::span<const std::byte> message_;
  std::optional<runtime::Token> token_;
  int looks_ = 0;
};

// Input `port` is full of the number port + 1.
class PortNumbers : public runtime::FrameSource {
 public:
  explicit PortNumbers(const Shape& shape) : values_(static_cast<std::size_t>(Box::whole(shape).elements())) {}
  std::span<const std::byte> input(std::size_t, std::size_t port) override {
    std::fill(values_.begin(), values_.end(), static_cast<std::int64_t>(port) + 1);
    return std::as_bytes(std::span(values_));
  }

 private:
  std::vector<std::int64_t> values_;
};

}  // namespace

TEST_CASE("what comes after a send waits until the message's memory is free") {
  using program::StepKind;
  const Shape shape{4};
  const Box whole = Box::whole(shape);
  const program::Port first{"x", {DataType::int64, shape}}, second{"z", {DataType::int64, shape}};
  program::Deployment deployment{{"a", "b"}, {first, second}, {second}, {{1, 1, {0}, 0}}, 1};
  program::Program program{"a", 0, 1, "cpu", {}, {program::Lane{}}};
  program::Lane& lane = program.lanes[0];
  lane.buffers = {{"x", DataType::int64, whole, 0}, {"z", DataType::int64, whole}, {"z", DataType::int64, whole, 0}};
  lane.steps = {{StepKind::input, "x", 0, 0, 0, 0, {}, {{0, whole}}, {}},
                {StepKind::input, "z", 1, 0, 0, 0, {}, {{1, whole}}, {}},
                {StepKind::send, "send x", 0, 0, 1, 0, {{0, whole}}, {}, {0}},
                {StepKind::copy, "z over x", 0, 0, 0, 0, {{1, whole}}, {{2, whole}}, {1, 2}},
                {StepKind::output, "z", 0, 0, 0, 0, {{2, whole}}, {}, {3}}};
  SlowPeer peer;
  toy::Runner runner(program);
  toy::Sink sink;
  PortNumbers source(shape);
  runtime::execute(program, deployment, runner, peer, source, sink, frames(1));
  CHECK(peer.kept);
  REQUIRE(sink.outputs.size() == 1);
  CHECK(sink.outputs[0][0] == std::vector<std::int64_t>(4, 2));
}

TEST_CASE("a chain runs on one device") {
  for (const std::size_t in_flight : {1u, 2u, 3u, 4u})
    run_and_check(toy::chain(3), {{1, in_flight, 0, 0, {0, 0, 0}}}, 1, Pieces::whole);
}

TEST_CASE("a chain in stages, for every number of frames in flight") {
  for (const std::size_t in_flight : {1u, 2u, 3u, 4u, 7u}) {
    CAPTURE(in_flight);
    run_and_check(toy::chain(6), {{1, in_flight, 0, 0, {0, 0, 1, 1, 2, 2}}}, 3, Pieces::whole);
    run_and_check(toy::chain(6), {{1, in_flight, 0, 2, {0, 0, 1, 1, 2, 2}}}, 3, Pieces::mixed);
    run_and_check(toy::chain(6), {{1, in_flight, 0, 1, {1, 0, 1, 0, 1, 0}}}, 2, Pieces::mixed);
  }
}

TEST_CASE("devices that are only source or only sink") {
  run_and_check(toy::chain(4), {{1, 3, 0, 3, {1, 1, 2, 2}}}, 4, Pieces::mixed);
  run_and_check(toy::chain(4), {{1, 2, 0, 0, {1, 1, 2, 2}}}, 3, Pieces::whole);
}

TEST_CASE("skips keep their tensors until they are read") {
  toy::Network network;
  network.inputs = {{0}, {1}, {2}, {3}, {1, 4}, {0, 5}};
  network.outputs = {6, 2};
  for (const std::size_t in_flight : {1u, 2u, 4u})
    run_and_check(network, {{1, in_flight, 0, 3, {0, 1, 2, 2, 3, 3}}}, 4, Pieces::mixed);
}

TEST_CASE("replicas are dealt their shares and results leave in frame order") {
  const toy::Network network = toy::chain(4);
  const std::vector<toy::ReplicaChoice> replicas{
      {3, 2, 0, 0, {0, 0, 0, 0}}, {1, 2, 0, 0, {1, 1, 1, 1}}, {2, 3, 0, 0, {2, 2, 1, 1}}};
  run_and_check(network, replicas, 3, Pieces::mixed, 40);
}

TEST_CASE("a slow replica does not change the order in which frames leave") {
  const toy::Network network = toy::chain(2);
  const program::ProgramSet set = toy::lower(network, {{1, 2, 0, 0, {0, 0}}, {1, 2, 0, 0, {1, 1}}}, 2, Pieces::whole);
  const auto slow = [](const program::Program& program) {
    const bool is_slow = program.index == 1;
    return std::make_unique<toy::Runner>(program, [is_slow](std::size_t) {
      if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    });
  };
  const auto outcomes = toy::run_all(network, set, frames(30), slow);
  toy::check_outputs(network, set, outcomes, 30);
  CHECK(outcomes[0].sink.frames == sequence(30));
}

TEST_CASE("a slow receiver does not let its sender run ahead of the frames in flight") {
  const toy::Network network = toy::chain(2);
  for (const std::size_t in_flight : {1u, 2u, 3u}) {
    const program::ProgramSet set = toy::lower(network, {{1, in_flight, 0, 1, {0, 1}}}, 2, Pieces::whole);
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    const auto runner = [&](const program::Program& program) {
      const std::size_t device = program.index;
      return std::make_unique<toy::Runner>(program, [&, device](std::size_t) {
        if (device == 0) {
          const int now = ++inside;
          most = std::max(most.load(), now);
        } else {
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
          --inside;
        }
      });
    };
    const auto outcomes = toy::run_all(network, set, frames(20), runner);
    toy::check_outputs(network, set, outcomes, 20);
    CAPTURE(in_flight);
    // The receiver counts a frame out before it has let it go, so one more may be seen inside than there are slots.
    CHECK(most.load() <= static_cast<int>(in_flight));
    CHECK(inside.load() == 0);
  }
}

TEST_CASE("memory is not used again before every message from it has gone") {
  // Layers 1 and 2 both read layer 0's output on other devices, and no output depends on layer 2: no credit waits for
  // it.
  toy::Network network;
  network.inputs = {{0}, {1}, {1}};
  network.outputs = {2};
  const program::ProgramSet set = toy::lower(network, {{1, 2, 0, 1, {0, 1, 2}}}, 3, Pieces::whole);
  program::check(set);
  std::vector<std::vector<std::int64_t>> seen;
  class Slow : public toy::Runner {
   public:
    Slow(const program::Program& program, std::vector<std::vector<std::int64_t>>* outputs)
        : Runner(program), outputs_(outputs) {}
    void run(std::size_t segment, std::span<const engine::ConstTensorView> inputs,
             std::span<const engine::TensorView> outputs) override {
      Runner::run(segment, inputs, outputs);
      if (outputs_ == nullptr) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      const auto* first = static_cast<const std::int64_t*>(outputs[0].data);
      outputs_->emplace_back(first, first + outputs[0].tensor.elements());
    }

   private:
    std::vector<std::vector<std::int64_t>>* outputs_;
  };
  const auto runner = [&](const program::Program& program) {
    return std::make_unique<Slow>(program, program.index == 2 ? &seen : nullptr);
  };
  toy::check_outputs(network, set, toy::run_all(network, set, frames(20), runner), 20);
  REQUIRE(seen.size() == 20);
  for (std::size_t frame = 0; frame < 20; ++frame) CHECK(seen[frame] == toy::evaluate(network, frame)[3]);
}

TEST_CASE("random networks, mappings and replicas end with the right outputs") {
  std::mt19937 random(20240611);
  for (int round = 0; round < 150; ++round) {
    CAPTURE(round);
    const std::size_t devices = 1 + random() % 4;
    const toy::Network network = toy::random_network(1 + random() % 9, random);
    std::vector<toy::ReplicaChoice> replicas(1 + random() % 3);
    for (toy::ReplicaChoice& replica : replicas) {
      replica = {
          static_cast<std::int64_t>(1 + random() % 3), 1 + random() % 4, random() % devices, random() % devices, {}};
      for (std::size_t layer = 0; layer < network.inputs.size(); ++layer) replica.device.push_back(random() % devices);
    }
    run_and_check(network, replicas, devices, round % 2 == 0 ? Pieces::mixed : Pieces::whole, 12);
  }
}

TEST_CASE("more frames in flight than frames") {
  run_and_check(toy::chain(3), {{1, 8, 0, 1, {0, 1, 0}}}, 2, Pieces::whole, 3);
}

TEST_CASE("the number of frames in flight can be overridden") {
  const toy::Network network = toy::chain(3);
  const program::ProgramSet set = toy::lower(network, {{1, 4, 0, 1, {0, 1, 1}}}, 2, Pieces::whole);
  runtime::ExecutorOptions options = frames(10);
  options.in_flight = 1;
  options.trace = true;
  const auto outcomes = toy::run_all(network, set, options);
  toy::check_outputs(network, set, outcomes, 10);
  // With one frame inside, a frame starts only after the one before has ended.
  const auto& started = outcomes[0].report.started;
  REQUIRE(started.size() == 10);
  REQUIRE(outcomes[1].report.finished.size() == 10);
  CHECK(outcomes[0].report.trace.size() == 10 * set.programs[0].lanes[0].steps.size());
}

TEST_CASE("figures and trace cover what ran") {
  const toy::Network network = toy::chain(4);
  const program::ProgramSet set = toy::lower(network, {{1, 2, 0, 0, {0, 1, 1, 0}}}, 2, Pieces::mixed);
  runtime::ExecutorOptions options = frames(8);
  options.warmup = 3;
  options.trace = true;
  options.trace_events = 20;
  const auto outcomes = toy::run_all(network, set, options);
  for (std::size_t device = 0; device < 2; ++device) {
    const runtime::RunReport& report = outcomes[device].report;
    const auto& steps = set.programs[device].lanes[0].steps;
    CHECK(report.frames == 5);
    REQUIRE(report.steps.size() == steps.size());
    for (const runtime::StepTimes& step : report.steps) CHECK(step.count == 5);
    CHECK(report.trace.size() == 20);
    CHECK(report.trace_dropped == 8 * steps.size() - 20);
    for (const runtime::TraceEvent& event : report.trace) CHECK(event.end_s >= event.start_s);
    CHECK(report.busy_s > 0);
    CHECK(report.wall_s >= report.busy_s);
  }
  CHECK(outcomes[0].report.started.size() == 8);
  CHECK(outcomes[0].report.finished.size() == 8);
  CHECK(outcomes[1].report.started.empty());
}

TEST_CASE("each device tells once that its warm-up is over, before it computes the first frame after it") {
  const toy::Network network = toy::chain(2);
  const program::ProgramSet set = toy::lower(network, {{1, 3, 0, 1, {0, 1}}}, 2, Pieces::whole);
  std::mutex mutex;
  std::map<std::thread::id, int> computed;
  std::vector<int> before_warm;
  runtime::ExecutorOptions options = frames(9);
  options.warmup = 4;
  options.warm = [&] {
    const std::scoped_lock lock(mutex);
    before_warm.push_back(computed[std::this_thread::get_id()]);
  };
  const auto counting = [&](const program::Program& program) {
    return std::make_unique<toy::Runner>(program, [&](std::size_t) {
      const std::scoped_lock lock(mutex);
      ++computed[std::this_thread::get_id()];
    });
  };
  toy::check_outputs(network, set, toy::run_all(network, set, options, counting), 9);
  REQUIRE(before_warm.size() == 2);
  // The source may begin a frame that it has not computed the one before of; the other one computes what arrives.
  CHECK(*std::max_element(before_warm.begin(), before_warm.end()) == 4);
  CHECK(*std::min_element(before_warm.begin(), before_warm.end()) >= 2);
}

TEST_CASE("an error in one step stops every device and names the step") {
  const toy::Network network = toy::chain(6);
  const program::ProgramSet set = toy::lower(network, {{1, 2, 0, 2, {0, 0, 1, 1, 2, 2}}}, 3, Pieces::whole);
  const auto failing = [](const program::Program& program) {
    return std::make_unique<toy::Runner>(program, [calls = 0](std::size_t layer) mutable {
      if (layer == 3 && ++calls == 5) throw std::runtime_error("it broke");
    });
  };
  const auto outcomes = toy::run_all(network, set, frames(20), failing);
  for (const toy::Outcome& outcome : outcomes) {
    const Error error = error_of(outcome);
    CHECK(error.code() == "RUNTIME-STEP");
    CHECK(error.place().path == "device 'device1', frame 4, step 'layer 3'");
    CHECK(error.message() == "it broke");
  }
  CHECK(outcomes[2].sink.frames.size() <= 4);
}

TEST_CASE("a hung device is found by the deadline of those that wait for it") {
  const toy::Network network = toy::chain(2);
  const program::ProgramSet set = toy::lower(network, {{1, 2, 0, 1, {0, 1}}}, 2, Pieces::whole);
  std::atomic<bool> released{false};
  const auto hung = [&](const program::Program& program) {
    return std::make_unique<toy::Runner>(program, [&](std::size_t layer) {
      // Layer 0 hangs until the other device has given up.
      while (layer == 0 && !released) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
  };
  runtime::ExecutorOptions options = frames(4);
  options.deadline_s = 0.2;
  std::thread release([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    released = true;
  });
  const auto outcomes = toy::run_all(network, set, options, hung);
  release.join();
  const Error error = error_of(outcomes[1]);
  CHECK(error.exit() == ExitCode::deadline);
  CHECK(error.code() == "RUNTIME-DEADLINE");
  CHECK(error.message().find("waits for 'receive t1' from device 'device0'") != std::string::npos);
  CHECK(error_of(outcomes[0]).code() == "RUNTIME-DEADLINE");
}

TEST_CASE("a run can be cancelled") {
  const toy::Network network = toy::chain(2);
  const program::ProgramSet set = toy::lower(network, {{1, 2, 0, 1, {0, 1}}}, 2, Pieces::whole);
  std::atomic<bool> cancelled{false};
  runtime::ExecutorOptions options = frames(1'000'000);
  options.cancelled = &cancelled;
  std::thread cancel([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cancelled = true;
  });
  const auto outcomes = toy::run_all(network, set, options);
  cancel.join();
  for (const toy::Outcome& outcome : outcomes) CHECK(error_of(outcome).exit() == ExitCode::interrupted);
}

TEST_CASE("messages of different sizes are a failure, not a hang") {
  const toy::Network network = toy::chain(2);
  program::ProgramSet set = toy::lower(network, {{1, 2, 0, 1, {0, 1}}}, 2, Pieces::whole);
  for (program::Step& step : set.programs[0].lanes[0].steps)
    if (step.kind == program::StepKind::send) step.sources[0].box.hi[0] = 1;
  CHECK_THROWS_AS(program::check(set), Error);
  for (const toy::Outcome& outcome : toy::run_all(network, set, frames(5)))
    CHECK(error_of(outcome).code() == "TRANSPORT-SIZE");
}

TEST_CASE("the deadline of a device that is dealt few frames is longer") {
  const program::ProgramSet set = toy::lower(toy::chain(1), {{9, 1, 0, 0, {0}}, {1, 1, 1, 1, {1}}}, 2, Pieces::whole);
  runtime::ExecutorOptions options = frames(100);
  options.deadline_s = 10;
  options.expected_period_s = 2;
  CHECK(runtime::local_deadline(set.programs[0], set.deployment, options) == doctest::Approx(10 + 5 * 2 * 1));
  CHECK(runtime::local_deadline(set.programs[1], set.deployment, options) == doctest::Approx(10 + 5 * 2 * 9));
}
