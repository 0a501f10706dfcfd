// MaxPool, AveragePool, LpPool: N × C × spatial. Batch and channels pass through; a spatial part reads its windows and
// is padded only where they leave the whole input, so that its windows fit its input exactly, with ceil_mode or
// without.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/window.hpp"

namespace dse::rules {
namespace {

class Pool : public OperatorRule {
 public:
  Pool(const NodeFacts& facts, std::vector<Window> windows)
      : windows_(std::move(windows)), outputs_(facts.outputs.size()) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    Box in{{out.lo[0], out.lo[1]}, {out.hi[0], out.hi[1]}};
    for (std::size_t axis = 0; axis < windows_.size(); ++axis) {
      const WindowPart part = part_of(windows_[axis], out.lo[axis + 2], out.hi[axis + 2]);
      in.lo.push_back(part.in_lo);
      in.hi.push_back(part.in_hi);
    }
    NodeNeeds result{{Region(out)}, {Region(in)}};
    result.computed.resize(outputs_);
    return result;
  }

  void emit(NodeWriter& writer) const override {
    const Box out = writer.output(0);
    std::vector<std::int64_t> pads, ends;
    for (std::size_t axis = 0; axis < windows_.size(); ++axis) {
      const WindowPart part = part_of(windows_[axis], out.lo[axis + 2], out.hi[axis + 2]);
      pads.push_back(part.pad_begin);
      ends.push_back(part.pad_end);
    }
    pads.insert(pads.end(), ends.begin(), ends.end());
    const std::string input = writer.input(0);
    onnx::NodeProto& node = writer.copy();
    node.add_input(input);
    node.add_output(writer.output_name(0));
    remove_attribute(node, "auto_pad");
    set_ints(node, "pads", pads);
  }

 private:
  std::vector<Window> windows_;
  std::size_t outputs_;
};

// Whether the engine pads "same" pools as window.cpp resolves them: it leaves dilations out of the sum, and where the
// stride exceeds the kernel the padding may get negative.
bool same_padding_is_certain(const Window& window) {
  return window.dilation == 1 && (window.outputs - 1) * window.stride + window.kernel >= window.extent;
}

bool covered(const NodeFacts& facts, const Window& window) {
  const WindowPart last = part_of(window, window.outputs - 1, window.outputs);
  const bool overhangs = last.pad_end > window.pad_end;
  // What the part of a window beyond the padding counts for differs between engines and their versions.
  if (overhangs && int_attribute(*facts.node, "count_include_pad", 0) != 0) return false;
  // The engine takes no padding that reaches the kernel, dilated or not; an overhang becomes padding in a part.
  if (window.pad_begin >= window.kernel || last.pad_end >= window.kernel) return false;
  const onnx::AttributeProto* auto_pad = find_attribute(*facts.node, "auto_pad");
  const bool same = auto_pad != nullptr && auto_pad->s().starts_with("SAME");
  return last.in_lo < last.in_hi && (!same || same_padding_is_certain(window));
}

}  // namespace

std::unique_ptr<const OperatorRule> make_pool(const NodeFacts& facts) {
  const onnx::NodeProto& node = *facts.node;
  const std::vector<std::int64_t> kernel = ints_attribute(node, "kernel_shape");
  if (kernel.empty() || int_attribute(node, "storage_order", 0) != 0) return nullptr;
  // Indices are positions in the whole tensor.
  for (std::size_t i = 1; i < facts.outputs.size(); ++i)
    if (facts.outputs[i].type != DataType::undefined) return nullptr;
  std::vector<Window> windows = windows_of(facts, kernel);
  if (windows.empty()) return nullptr;
  if (!std::all_of(windows.begin(), windows.end(), [&](const Window& window) { return covered(facts, window); }))
    return nullptr;
  return std::make_unique<Pool>(facts, std::move(windows));
}

}  // namespace dse::rules
