// The memory of one frame of one lane, and what each step reads and writes in it.
//
// Everything is laid out once: running a frame allocates nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/engine.hpp"
#include "program/program.hpp"
#include "runtime/strided_copy.hpp"

namespace dse::runtime {

// How the elements of one view travel: from its buffer into a message (send), from a message or a whole network input
// into its buffer (receive, input), or between buffers (copy).
struct ViewCopy {
  std::size_t buffer = 0;  // of the view
  std::size_t other = 0;   // copy: the target's buffer
  std::size_t offset = 0;  // send, receive: of the view's elements in the message
  StridedCopy copy;
  bool shortened = false;    // send, receive: float32 elements that are written shorter
  std::size_t elements = 0;  // of the view
};

// What is the same for all slots of a lane.
struct StepLayout {
  std::vector<ViewCopy> copies;
  bool in_place = false;  // send, receive: the message is one contiguous piece of a buffer
  program::Wire wire = program::Wire::full;
  std::size_t message_bytes = 0;
};

struct LaneLayout {
  LaneLayout(const program::Lane& lane, const program::Deployment& deployment);

  const program::Lane* lane;
  std::vector<StepLayout> steps;
  std::vector<std::vector<std::size_t>> successors;  // by step
  std::size_t outputs = 0;                           // output steps
  std::unique_ptr<float[]> dense;  // room for the largest shortened view; one thread runs all slots of a lane
};

// What one step is bound to in one slot.
struct StepBinding {
  std::vector<engine::ConstTensorView> inputs;  // run
  std::vector<engine::TensorView> outputs;      // run
  std::span<std::byte> message;                 // send, receive: in place or staged; output: the tensor
};

class Slot {
 public:
  explicit Slot(const LaneLayout& layout);

  std::byte* buffer(std::size_t index) const { return buffers_[index]; }
  const StepBinding& binding(std::size_t step) const { return bindings_[step]; }
  void pack(std::size_t step) const;                                          // send, before posting
  void unpack(std::size_t step) const;                                        // receive, after arrival
  void fill(std::size_t step, std::span<const std::byte> whole_input) const;  // input
  void copy(std::size_t step) const;                                          // copy

 private:
  struct Release {
    void operator()(std::byte* memory) const;
  };
  StepBinding bind(const program::Step& step, const StepLayout& layout, std::byte* staging) const;

  const LaneLayout* layout_;
  std::unique_ptr<std::byte, Release> memory_;
  std::vector<std::byte*> buffers_;
  std::vector<StepBinding> bindings_;
};

}  // namespace dse::runtime
