#include "models/rules/window.hpp"

#include <algorithm>
#include <string>

#include "models/draft.hpp"

namespace dse::rules {

WindowPart part_of(const Window& window, std::int64_t lo, std::int64_t hi) {
  const auto start = [&](std::int64_t position) { return position * window.stride - window.pad_begin; };
  WindowPart part;
  const std::int64_t first = start(lo);
  const std::int64_t last = start(hi - 1) + window.span();
  part.in_lo = std::max<std::int64_t>(first, 0);
  part.in_hi = std::min(last, window.extent);
  part.pad_begin = part.in_lo - first;
  part.pad_end = last - part.in_hi;
  return part;
}

namespace {

std::int64_t at_or(const std::vector<std::int64_t>& values, std::size_t index, std::int64_t fallback) {
  return index < values.size() ? values[index] : fallback;
}

// SAME_UPPER and SAME_LOWER: ceil(extent / stride) outputs, the odd element of padding at the end or the beginning.
void resolve_same(Window& window, bool upper) {
  const std::int64_t total =
      std::max<std::int64_t>(0, (window.outputs - 1) * window.stride + window.span() - window.extent);
  window.pad_begin = upper ? total / 2 : total - total / 2;
  window.pad_end = total - window.pad_begin;
}

}  // namespace

std::vector<Window> windows_of(const NodeFacts& facts, const std::vector<std::int64_t>& kernel) {
  const onnx::NodeProto& node = *facts.node;
  const std::size_t axes = kernel.size();
  const Shape& input = facts.inputs[0].shape;
  const Shape& output = facts.outputs[0].shape;
  if (input.size() != axes + 2 || output.size() != axes + 2) return {};
  const auto strides = ints_attribute(node, "strides"), dilations = ints_attribute(node, "dilations"),
             pads = ints_attribute(node, "pads");
  const onnx::AttributeProto* attribute = find_attribute(node, "auto_pad");
  const std::string auto_pad = attribute == nullptr || attribute->s().empty() ? "NOTSET" : attribute->s();
  std::vector<Window> windows;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    Window window;
    window.kernel = kernel[axis];
    window.stride = at_or(strides, axis, 1);
    window.dilation = at_or(dilations, axis, 1);
    window.extent = input[axis + 2];
    window.outputs = output[axis + 2];
    if (window.kernel < 1 || window.stride < 1 || window.dilation < 1) return {};
    if (auto_pad == "NOTSET") {
      window.pad_begin = at_or(pads, axis, 0);
      window.pad_end = at_or(pads, axis + axes, 0);
    } else if (auto_pad != "VALID") {
      resolve_same(window, auto_pad == "SAME_UPPER");
    }
    // Windows that lie in the padding altogether read nothing, and engines disagree about such padding.
    if (window.pad_begin < 0 || window.pad_end < 0) return {};
    if (window.pad_begin >= window.span() || window.pad_end >= window.span()) return {};
    windows.push_back(window);
  }
  return windows;
}

}  // namespace dse::rules
