// Sliding windows along one axis: convolutions and pools.
#pragma once

#include <cstdint>
#include <vector>

#include "models/rules/rule.hpp"

namespace dse::rules {

struct Window {
  std::int64_t kernel = 1, stride = 1, dilation = 1;
  std::int64_t pad_begin = 0, pad_end = 0;  // explicit, auto_pad resolved from the whole shapes
  std::int64_t extent = 0;                  // of the whole input
  std::int64_t outputs = 0;                 // of the whole output

  std::int64_t span() const { return (kernel - 1) * dilation + 1; }
};

// What output positions [lo, hi) of a window read of the input, and the padding that is left on each side: how far the
// windows leave the whole input.
struct WindowPart {
  std::int64_t in_lo = 0, in_hi = 0;  // not empty: no window lies in the padding altogether
  std::int64_t pad_begin = 0, pad_end = 0;
};
WindowPart part_of(const Window& window, std::int64_t lo, std::int64_t hi);

// The windows of a node's spatial axes (2, 3, ... of input 0 and output 0) from its attributes kernel_shape (or the
// weight's shape), strides, dilations, pads and auto_pad. Empty where the attributes do not fit the shapes.
std::vector<Window> windows_of(const NodeFacts& facts, const std::vector<std::int64_t>& kernel);

}  // namespace dse::rules
