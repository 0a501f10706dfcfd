// Pad: a part reads the inner range that it covers and pads only where it leaves the whole. A part that lies in the
// padding altogether is widened to the nearest element of the input.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

enum class PadMode : std::uint8_t { constant, edge, reflect, wrap };

struct PaddedAxis {
  std::int64_t begin = 0, end = 0;  // negative: cut off
  std::int64_t extent = 0;          // of the whole input

  // Output positions [lo, hi) that are made of input elements.
  std::int64_t inner_lo() const { return std::max(begin, std::int64_t{0}); }
  std::int64_t inner_hi() const { return begin + extent + std::min(end, std::int64_t{0}); }
  std::int64_t outputs() const { return begin + extent + end; }
};

// The positions to compute so that [lo, hi) are among them and the same padding of the input under them gives the same.
void widen(PadMode mode, const PaddedAxis& axis, std::int64_t& lo, std::int64_t& hi) {
  if (mode == PadMode::wrap) {  // padding repeats the other end
    if (lo >= axis.inner_lo() && hi <= axis.inner_hi()) return;
    lo = 0;
    hi = axis.outputs();
    return;
  }
  lo = std::min(lo, axis.inner_hi() - 1);
  hi = std::max(hi, axis.inner_lo() + 1);
  if (mode != PadMode::reflect) return;
  const std::int64_t before = axis.inner_lo() - lo, after = hi - axis.inner_hi();
  if (before > 0) hi = std::max(hi, axis.inner_lo() + before + 1);
  if (after > 0) lo = std::min(lo, axis.inner_hi() - after - 1);
}

class Pad : public OperatorRule {
 public:
  Pad(const NodeFacts& facts, PadMode mode, std::vector<PaddedAxis> axes)
      : mode_(mode), axes_(std::move(axes)), inputs_(facts.inputs.size()) {
    if (given(facts, 2)) value_ = facts.inputs[2].shape;
  }

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Box out = asked[0].bounds(), in = out;
    for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
      widen(mode_, axes_[axis], out.lo[axis], out.hi[axis]);
      in.lo[axis] = std::max(out.lo[axis], axes_[axis].inner_lo()) - axes_[axis].begin;
      in.hi[axis] = std::min(out.hi[axis], axes_[axis].inner_hi()) - axes_[axis].begin;
    }
    NodeNeeds result = nothing(1, inputs_);
    result.computed[0] = Region(out);
    result.inputs[0] = Region(in);
    if (value_) result.inputs[2] = Region::whole(*value_);
    return result;
  }

  void emit(NodeWriter& writer) const override {
    const Box out = writer.output(0), in = writer.input_box(0);
    std::vector<std::int64_t> pads, ends;
    for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
      pads.push_back(in.lo[axis] + axes_[axis].begin - out.lo[axis]);
      ends.push_back(out.hi[axis] - in.hi[axis] - axes_[axis].begin);
    }
    pads.insert(pads.end(), ends.begin(), ends.end());
    std::vector<std::string> inputs{writer.input(0)};
    if (writer.facts().opset >= 11) inputs.push_back(writer.integers(pads));
    if (value_) inputs.push_back(writer.input(2));
    onnx::NodeProto& node = writer.copy();
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(writer.output_name(0));
    if (writer.facts().opset < 11) set_ints(node, "pads", pads);
  }

 private:
  PadMode mode_;
  std::vector<PaddedAxis> axes_;
  std::size_t inputs_;
  std::optional<Shape> value_;
};

std::optional<PadMode> mode_of(const onnx::NodeProto& node) {
  const onnx::AttributeProto* attribute = find_attribute(node, "mode");
  const std::string mode = attribute == nullptr ? "constant" : attribute->s();
  if (mode == "constant") return PadMode::constant;
  if (mode == "edge") return PadMode::edge;
  if (mode == "reflect") return PadMode::reflect;
  if (mode == "wrap") return PadMode::wrap;
  return std::nullopt;
}

// Of all axes, those that an `axes` input leaves out not padded.
std::optional<std::vector<PaddedAxis>> axes_of(const NodeFacts& facts) {
  const Shape& whole = facts.inputs[0].shape;
  std::optional<std::vector<std::int64_t>> pads = integer_input(facts, 1), axes = integer_input(facts, 3);
  if (facts.opset < 11) pads = ints_attribute(*facts.node, "pads");
  if (!pads || (given(facts, 3) && !axes)) return std::nullopt;
  if (!axes) {
    axes.emplace();
    for (std::size_t axis = 0; axis < whole.size(); ++axis) axes->push_back(static_cast<std::int64_t>(axis));
  }
  if (pads->size() != axes->size() * 2) return std::nullopt;
  std::vector<PaddedAxis> result;
  for (const std::int64_t extent : whole) result.push_back({0, 0, extent});
  std::vector<bool> seen(whole.size(), false);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const auto axis = axis_of((*axes)[i], whole.size());
    if (!axis || seen[*axis]) return std::nullopt;
    seen[*axis] = true;
    result[*axis].begin = (*pads)[i];
    result[*axis].end = (*pads)[i + axes->size()];
  }
  return result;
}

// Whether padding along the axis means the same for the engine and for a part of it.
bool covered(PadMode mode, const PaddedAxis& axis, std::int64_t outputs) {
  if (axis.outputs() != outputs || axis.inner_lo() >= axis.inner_hi()) return false;
  if (mode != PadMode::constant && (axis.begin < 0 || axis.end < 0)) return false;
  return mode != PadMode::reflect || (axis.begin < axis.extent && axis.end < axis.extent);
}

}  // namespace

std::unique_ptr<const OperatorRule> make_pad(const NodeFacts& facts) {
  const auto mode = mode_of(*facts.node);
  const auto axes = axes_of(facts);
  const Shape& out = facts.outputs[0].shape;
  if (!mode || !axes || axes->size() != out.size()) return nullptr;
  for (std::size_t axis = 0; axis < axes->size(); ++axis)
    if (!covered(*mode, (*axes)[axis], out[axis])) return nullptr;
  return std::make_unique<Pad>(facts, *mode, *axes);
}

}  // namespace dse::rules
