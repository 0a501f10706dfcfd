#include <doctest/doctest.h>

#include <functional>

#include "base/error.hpp"
#include "program/program.hpp"

using namespace dse;
using namespace dse::program;

namespace {

// x → device 0 computes t → device 1 computes y; t travels as two pieces.
ProgramSet two_devices() {
  const Shape shape{2, 4};
  const Box whole = Box::whole(shape);
  ProgramSet set;
  set.deployment.devices = {"a", "b"};
  set.deployment.inputs = {{"x", {DataType::float32, shape}}};
  set.deployment.outputs = {{"y", {DataType::float32, shape}}};
  set.deployment.replicas = {{1, 2, {0}, 1}};
  set.deployment.transfers = 1;
  const std::vector<View> pieces{{1, {{0, 0}, {1, 4}}}, {1, {{1, 0}, {2, 4}}}};
  Program a{"a", 0, 1, "cpu", {{"first", "", {}, {"x"}, {"t"}}}, {Lane{}}};
  a.lanes[0].buffers = {{"x", DataType::float32, whole}, {"t", DataType::float32, whole}};
  a.lanes[0].steps = {{StepKind::input, "in", 0, 0, 0, 0, {}, {{0, whole}}, {}},
                      {StepKind::run, "first", 0, 0, 0, 0, {{0, whole}}, {{1, whole}}, {0}},
                      {StepKind::send, "send t", 0, 0, 1, 0, pieces, {}, {1}}};
  Program b{"b", 1, 1, "cpu", {{"second", "", {}, {"t"}, {"y"}}}, {Lane{}}};
  b.lanes[0].buffers = {{"y", DataType::float32, whole}, {"t", DataType::float32, whole}};
  b.lanes[0].steps = {{StepKind::receive, "receive t", 0, 0, 0, 0, {}, pieces, {}},
                      {StepKind::run, "second", 0, 0, 0, 0, {{1, whole}}, {{0, whole}}, {0}},
                      {StepKind::output, "out", 0, 0, 0, 0, {{0, whole}}, {}, {1}}};
  set.programs = {a, b};
  return set;
}

std::string code_of(const std::function<void(ProgramSet&)>& change) {
  ProgramSet set = two_devices();
  change(set);
  try {
    check(set);
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    return error.code();
  }
  return "";
}

Step& step(ProgramSet& set, std::size_t device, std::size_t index) {
  return set.programs[device].lanes[0].steps[index];
}

}  // namespace

TEST_CASE("a sound deployment passes") {
  CHECK(code_of([](ProgramSet&) {}) == "");
}

TEST_CASE("steps out of range are refused") {
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).after = {1}; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).segment = 1; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).sources[0].buffer = 2; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).sources[0].box.hi[1] = 5; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).sources[0].box.lo[1] = 4; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).sources[0].box.lo = {0}; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).sources.clear(); }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 0).port = 1; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 1, 2).port = 1; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 2).peer = 2; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 2).peer = 0; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 2).transfer = 1; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { step(s, 1, 2).sources[0].box.hi[0] = 1; }) == "PROGRAM-STEP");
}

TEST_CASE("a run step binds contiguous views only") {
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).sources[0].box = {{0, 0}, {2, 3}}; }) == "PROGRAM-STEP");
}

TEST_CASE("the set must be whole") {
  CHECK(code_of([](ProgramSet& s) { s.programs.pop_back(); }) == "PROGRAM-DEVICES");
  CHECK(code_of([](ProgramSet& s) { std::swap(s.programs[0], s.programs[1]); }) == "PROGRAM-DEVICES");
  CHECK(code_of([](ProgramSet& s) { s.programs[0].threads = 0; }) == "PROGRAM-DEVICES");
  CHECK(code_of([](ProgramSet& s) { s.deployment.devices.clear(); }) == "PROGRAM-DEVICES");
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas.clear(); }) == "PROGRAM-REPLICA");
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas[0].share = 0; }) == "PROGRAM-REPLICA");
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas[0].frames_in_flight = 0; }) == "PROGRAM-REPLICA");
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas[0].sources = {2}; }) == "PROGRAM-REPLICA");
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas[0].sources = {0, 0}; }) == "PROGRAM-REPLICA");
  CHECK(code_of([](ProgramSet& s) { s.programs[0].lanes.push_back(s.programs[0].lanes[0]); }) == "PROGRAM-LANE");
  CHECK(code_of([](ProgramSet& s) { s.deployment.outputs[0].tensor.type = DataType::string; }) == "PROGRAM-PORT");
  CHECK(code_of([](ProgramSet& s) { s.programs[0].lanes[0].buffers[0].type = DataType::undefined; }) ==
        "PROGRAM-BUFFER");
}

TEST_CASE("sources and sinks must be where the replica says") {
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas[0].sources = {1}; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas[0].sources = {0, 1}; }) == "PROGRAM-SOURCE");
  CHECK(code_of([](ProgramSet& s) { s.deployment.replicas[0].sink = 0; }) == "PROGRAM-STEP");
  CHECK(code_of([](ProgramSet& s) { s.programs[1].lanes[0].steps.pop_back(); }) == "PROGRAM-SINK");
  CHECK(code_of([](ProgramSet& s) { s.programs[1].lanes[0].steps.push_back(step(s, 1, 2)); }) == "PROGRAM-SINK");
}

TEST_CASE("sends and receives must match") {
  CHECK(code_of([](ProgramSet& s) { s.programs[0].lanes[0].steps.pop_back(); }) == "PROGRAM-TRANSFER");
  CHECK(code_of([](ProgramSet& s) { s.deployment.transfers = 2; }) == "PROGRAM-TRANSFER");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 2).wire = Wire::fp16; }) == "PROGRAM-TRANSFER");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 2).sources.pop_back(); }) == "PROGRAM-TRANSFER");
  CHECK(code_of([](ProgramSet& s) { std::swap(step(s, 0, 2).sources[0], step(s, 0, 2).sources[1]); }) ==
        "PROGRAM-TRANSFER");
  CHECK(code_of([](ProgramSet& s) { s.programs[1].lanes[0].buffers[1].tensor = "other"; }) == "PROGRAM-TRANSFER");
}

TEST_CASE("what is read must have been written, in an order that 'after' gives") {
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 1).after.clear(); }) == "PROGRAM-FLOW");
  CHECK(code_of([](ProgramSet& s) { step(s, 0, 2).after = {0}; }) == "PROGRAM-FLOW");
  // Only half of t arrives.
  CHECK(code_of([](ProgramSet& s) {
          step(s, 0, 2).sources.pop_back();
          step(s, 1, 0).targets.pop_back();
        }) == "PROGRAM-FLOW");
  // The order may go through other steps.
  CHECK(code_of([](ProgramSet& s) {
          s.programs[0].lanes[0].steps.push_back(
              {StepKind::copy, "copy", 0, 0, 0, 0, {{0, {{0, 0}, {1, 4}}}}, {{1, {{0, 0}, {1, 4}}}}, {2}});
        }) == "");
  // Writing what the send still reads.
  CHECK(code_of([](ProgramSet& s) {
          s.programs[0].lanes[0].steps.push_back(
              {StepKind::copy, "copy", 0, 0, 0, 0, {{0, {{0, 0}, {1, 4}}}}, {{1, {{0, 0}, {1, 4}}}}, {1}});
        }) == "PROGRAM-FLOW");
}

TEST_CASE("buffers share memory only where one is over before the other is written") {
  const Box whole = Box::whole({2, 4});
  const auto share = [](Lane& lane, std::size_t a, std::size_t b) {
    lane.buffers[a].block = a;
    lane.buffers[b].block = a;
  };
  // A third layer on the second device: y is read once z is written.
  const auto longer = [&](ProgramSet& s) -> Lane& {
    Program& b = s.programs[1];
    b.segments.push_back({"third", "", {}, {"y"}, {"z"}});
    Lane& lane = b.lanes[0];
    lane.buffers.push_back({"z", DataType::float32, whole});
    lane.steps.pop_back();
    lane.steps.push_back({StepKind::run, "third", 0, 0, 0, 1, {{0, whole}}, {{2, whole}}, {1}});
    lane.steps.push_back({StepKind::output, "out", 0, 0, 0, 0, {{2, whole}}, {}, {2}});
    return lane;
  };
  CHECK(code_of([&](ProgramSet& s) { share(longer(s), 1, 2); }) == "");
  CHECK(code_of([&](ProgramSet& s) { share(longer(s), 0, 1); }) == "PROGRAM-MEMORY");
  CHECK(code_of([&](ProgramSet& s) { share(longer(s), 0, 2); }) == "PROGRAM-MEMORY");
  CHECK(code_of([&](ProgramSet& s) { share(s.programs[0].lanes[0], 0, 1); }) == "PROGRAM-MEMORY");
  CHECK(code_of([](ProgramSet& s) { s.programs[0].lanes[0].buffers[1].block = 0; }) == "PROGRAM-BUFFER");
  CHECK(code_of([](ProgramSet& s) { s.programs[0].lanes[0].buffers[1].block = 9; }) == "PROGRAM-BUFFER");
  // A fourth layer on the first device that does not wait for the memory of the message that it overwrites.
  for (const bool waits : {false, true})
    CHECK(code_of([&](ProgramSet& s) {
            Program& a = s.programs[0];
            a.segments.push_back({"other", "", {}, {"x"}, {"u"}});
            a.lanes[0].buffers.push_back({"u", DataType::float32, whole});
            a.lanes[0].steps.push_back(
                {StepKind::run, "other", 0, 0, 0, 1, {{0, whole}}, {{2, whole}}, {waits ? 2UL : 1UL}});
            share(a.lanes[0], 1, 2);
          }) == (waits ? "" : "PROGRAM-MEMORY"));
}

TEST_CASE("devices that wait for each other in a circle are refused") {
  CHECK(code_of([](ProgramSet& s) {
          // b sends y back to a, and a's first step of all needs it.
          const Box whole = Box::whole({2, 4});
          s.deployment.transfers = 2;
          Lane& a = s.programs[0].lanes[0];
          a.buffers.push_back({"y", DataType::float32, whole});
          for (Step& later : a.steps)
            for (std::size_t& earlier : later.after) ++earlier;
          a.steps.insert(a.steps.begin(), {StepKind::receive, "receive y", 0, 1, 1, 0, {}, {{2, whole}}, {}});
          a.steps[1].after = {0};
          s.programs[1].lanes[0].steps.push_back({StepKind::send, "send y", 0, 1, 0, 0, {{0, whole}}, {}, {1}});
        }) == "PROGRAM-CYCLE");
}

TEST_CASE("messages name the step and say what would be right") {
  ProgramSet set = two_devices();
  step(set, 0, 2).peer = 7;
  try {
    check(set);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(
        std::string(error.what()) ==
        "program of 'a', replica 0, step 2 'send t': error[PROGRAM-STEP]: must name another device of the deployment");
  }
}
