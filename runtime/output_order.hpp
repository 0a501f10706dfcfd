// Lets frames leave a device in frame order although its replicas finish them in another: early ones are copied aside,
// so that their slots are free for the next frame.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/executor.hpp"

namespace dse::runtime {

using Outputs = std::span<const std::span<const std::byte>>;

class OutputOrder {
 public:
  // `frames`: those that end on this device, ascending; `capacity`: how many may be set aside.
  OutputOrder(FrameSink& sink, std::vector<std::size_t> frames, std::size_t capacity);

  // Delivers the frame, or sets it aside; false where neither is possible yet: offer it again after a delivery.
  bool offer(std::size_t frame, Outputs outputs);

 private:
  struct Aside {
    std::size_t frame = 0;
    bool used = false;
    std::vector<std::vector<std::byte>> outputs;
  };
  bool is_next(std::size_t frame) const { return next_ < frames_.size() && frames_[next_] == frame; }
  void deliver_aside();

  FrameSink& sink_;
  std::vector<std::size_t> frames_;
  std::size_t next_ = 0;
  std::vector<Aside> aside_;
};

}  // namespace dse::runtime
