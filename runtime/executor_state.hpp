// What the executor remembers of its lanes, slots and steps; for runtime/executor.cpp only.
#pragma once

#include <cstddef>
#include <span>
#include <tuple>
#include <vector>

#include "program/program.hpp"
#include "runtime/slot.hpp"
#include "runtime/transport.hpp"

namespace dse::runtime::execution {

// Which operation a token belongs to.
enum class Operation : unsigned { step, credit_sent, credit_received };
struct Ticket {
  Operation operation = Operation::step;
  std::size_t lane = 0;
  std::size_t slot = 0;
  std::size_t step = 0;

  Token token() const {
    return static_cast<Token>(operation) << 62 | Token{lane} << 46 | Token{slot} << 32 | Token{step};
  }
  static Ticket of(Token token) {
    return {static_cast<Operation>(token >> 62), token >> 46 & 0xffff, token >> 32 & 0x3fff, token & 0xffffffff};
  }
};

// One frame inside one slot of a lane.
struct Instance {
  explicit Instance(const LaneLayout& layout)
      : slot(layout), waiting(layout.steps.size()), issued(layout.steps.size()), since(layout.steps.size()) {}

  Slot slot;
  bool open = false;
  std::size_t ordinal = 0;  // within the replica
  std::size_t frame = 0;
  std::vector<std::size_t> waiting;  // by step: what must happen before it may be issued
  std::vector<char> issued;          // by step
  std::vector<double> since;         // by step: when its message was posted
  std::size_t steps_left = 0;
  std::size_t outputs_left = 0;
  bool started = false;
  bool delivered = true;                            // its outputs, where it has any
  std::vector<std::span<const std::byte>> outputs;  // by port
};

struct LaneState {
  LaneState(const program::Program& program, std::size_t index, const program::Deployment& deployment,
            std::size_t in_flight)
      : layout(program.lanes[index], deployment), replica(&deployment.replicas[program.lanes[index].replica]) {
    for (std::size_t i = 0; i < in_flight; ++i) instances.emplace_back(layout);
    credit_memory.resize(in_flight);
    is_sink = replica->sink == program.index;
    const auto& sources = replica->sources;
    const bool is_source = std::find(sources.begin(), sources.end(), program.index) != sources.end();
    needs_credit = is_source && !is_sink;
  }

  LaneLayout layout;
  const program::Replica* replica;
  bool is_sink = false;
  bool needs_credit = false;
  std::vector<std::size_t> frames;  // those of its replica, by ordinal
  std::size_t opened = 0;
  std::size_t finished = 0;
  std::size_t startable = 0;  // ordinals below it have their credit
  std::size_t credits_posted = 0;
  std::vector<std::byte> credit_memory;  // one byte a credit that is on its way
  std::vector<Instance> instances;       // by slot

  Instance& instance(std::size_t ordinal) { return instances[ordinal % instances.size()]; }
};

// "any ready step, oldest frame first, then lane, then step"
struct ReadyStep {
  std::size_t frame = 0;
  std::size_t lane = 0;
  std::size_t step = 0;
  bool operator>(const ReadyStep& other) const {
    return std::tie(frame, lane, step) > std::tie(other.frame, other.lane, other.step);
  }
};

}  // namespace dse::runtime::execution
