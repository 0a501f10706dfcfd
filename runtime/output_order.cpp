#include "runtime/output_order.hpp"

#include <algorithm>

namespace dse::runtime {

OutputOrder::OutputOrder(FrameSink& sink, std::vector<std::size_t> frames, std::size_t capacity)
    : sink_(sink), frames_(std::move(frames)), aside_(capacity) {}

bool OutputOrder::offer(std::size_t frame, Outputs outputs) {
  if (is_next(frame)) {
    sink_.take(frame, outputs);
    ++next_;
    deliver_aside();
    return true;
  }
  const auto free = std::find_if(aside_.begin(), aside_.end(), [](const Aside& place) { return !place.used; });
  if (free == aside_.end()) return false;
  free->frame = frame;
  free->used = true;
  free->outputs.resize(outputs.size());
  for (std::size_t port = 0; port < outputs.size(); ++port)
    free->outputs[port].assign(outputs[port].begin(), outputs[port].end());
  return true;
}

void OutputOrder::deliver_aside() {
  while (true) {
    const auto found = std::find_if(aside_.begin(), aside_.end(),
                                    [&](const Aside& place) { return place.used && is_next(place.frame); });
    if (found == aside_.end()) return;
    const std::vector<std::span<const std::byte>> outputs(found->outputs.begin(), found->outputs.end());
    sink_.take(found->frame, outputs);
    found->used = false;
    ++next_;
  }
}

}  // namespace dse::runtime
