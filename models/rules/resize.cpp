// Resize and Upsample. An axis is enlarged by an integer and cut, where input and output positions correspond alike
// everywhere; or left as it is; or needed whole.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

enum class Interpolation { nearest_floor, nearest_ceil, nearest_prefer_floor, nearest_prefer_ceil, linear, cubic };

struct Axis {
  bool whole = false;
  std::int64_t factor = 1;
  std::int64_t in = 0, out = 0;  // the whole extents
};

struct Scheme {
  Interpolation interpolation = Interpolation::linear;
  bool half_pixel = false;  // else asymmetric
  std::vector<Axis> axes;
};

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// The input positions that output position x reads, before they are clamped to the input. Its place there is n / d.
Range taps(const Scheme& scheme, std::int64_t factor, std::int64_t x) {
  const std::int64_t n = scheme.half_pixel ? 2 * x + 1 - factor : 2 * x;
  const std::int64_t d = 2 * factor;
  const auto one = [](std::int64_t position) { return Range{position, position + 1}; };
  const std::int64_t floor = floor_div(n, d);
  switch (scheme.interpolation) {
    case Interpolation::nearest_floor:
      return one(floor);
    case Interpolation::nearest_ceil:
      return one(-floor_div(-n, d));
    case Interpolation::nearest_prefer_floor:
      return one(-floor_div(d - 2 * n, 2 * d));
    case Interpolation::nearest_prefer_ceil:
      return one(floor_div(2 * n + d, 2 * d));
    case Interpolation::linear:
      return {floor, floor + 2};
    case Interpolation::cubic:
      break;
  }
  return {floor - 1, floor + 3};
}

// The input positions that outputs [lo, hi) of an axis read, and those that they lie in.
Range read_of(const Scheme& scheme, const Axis& axis, std::int64_t lo, std::int64_t hi) {
  if (axis.whole) return {0, axis.in};
  if (axis.factor == 1) return {lo, hi};
  const Range first = taps(scheme, axis.factor, lo), last = taps(scheme, axis.factor, hi - 1);
  return {std::max<std::int64_t>(0, std::min(first.lo, lo / axis.factor)),
          std::min(axis.in, std::max(last.hi, (hi - 1) / axis.factor + 1))};
}

class Resizing : public OperatorRule {
 public:
  // sizes: the input that gives extents, or -1; sized_axes: which axes it gives them of.
  Resizing(const NodeFacts& facts, Scheme scheme, int sizes, std::vector<std::size_t> sized_axes)
      : scheme_(std::move(scheme)), inputs_(facts.inputs), sizes_(sizes), sized_axes_(std::move(sized_axes)) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Box out = asked[0].bounds(), in = out;
    for (std::size_t axis = 0; axis < scheme_.axes.size(); ++axis) {
      if (scheme_.axes[axis].whole) {
        out.lo[axis] = 0;
        out.hi[axis] = scheme_.axes[axis].out;
      }
      const Range read = read_of(scheme_, scheme_.axes[axis], out.lo[axis], out.hi[axis]);
      in.lo[axis] = read.lo;
      in.hi[axis] = read.hi;
    }
    NodeNeeds result{{Region(out)}, {Region(in)}};
    for (std::size_t i = 1; i < inputs_.size(); ++i) {
      const bool read = inputs_[i].type != DataType::undefined && static_cast<int>(i) != sizes_;
      result.inputs.push_back(read ? Region::whole(inputs_[i].shape) : Region());
    }
    return result;
  }

  void emit(NodeWriter& writer) const override {
    const Box made = made_of(writer.input_box(0));
    std::vector<std::string> inputs;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      inputs.push_back(static_cast<int>(i) == sizes_ ? writer.integers(sizes_of(made)) : parameter(writer, i));
    onnx::NodeProto& node = writer.copy();
    for (const std::string& input : inputs) node.add_input(input);
    if (made == writer.output(0)) {
      node.add_output(writer.output_name(0));
      return;
    }
    const std::string larger = writer.fresh();
    node.add_output(larger);
    writer.add("Identity", {writer.slice(larger, made, writer.output(0))}, {writer.output_name(0)});
  }

 private:
  // The outputs that the operator makes of a box of the input.
  Box made_of(const Box& in) const {
    Box made = in;
    for (std::size_t axis = 0; axis < scheme_.axes.size(); ++axis) {
      const Axis& facts = scheme_.axes[axis];
      made.lo[axis] = facts.whole ? 0 : in.lo[axis] * facts.factor;
      made.hi[axis] = facts.whole ? facts.out : in.hi[axis] * facts.factor;
    }
    return made;
  }

  // An empty constant stays one: older forms do not let a parameter be absent.
  std::string parameter(NodeWriter& writer, std::size_t input) const {
    const TensorType& tensor = inputs_[input];
    const bool empty = tensor.type != DataType::undefined && tensor.elements() == 0;
    return empty ? writer.like(tensor, "") : writer.input(input);
  }

  std::vector<std::int64_t> sizes_of(const Box& made) const {
    std::vector<std::int64_t> sizes;
    for (const std::size_t axis : sized_axes_) sizes.push_back(made.hi[axis] - made.lo[axis]);
    return sizes;
  }

  Scheme scheme_;
  std::vector<TensorType> inputs_;
  int sizes_;
  std::vector<std::size_t> sized_axes_;
};

std::string text(const onnx::NodeProto& node, std::string_view name, std::string_view fallback) {
  const onnx::AttributeProto* attribute = find_attribute(node, name);
  return attribute == nullptr ? std::string(fallback) : attribute->s();
}

std::vector<double> reals(const Weight& weight) {
  if (weight.tensor.type != DataType::float32) return {};
  std::vector<float> values(static_cast<std::size_t>(weight.tensor.elements()));
  std::memcpy(values.data(), weight.data, values.size() * sizeof(float));
  return {values.begin(), values.end()};
}

// Whether the places of output positions in the input are found alike, shifted, in whole and part. Otherwise the axis
// is needed whole. Powers of two divide exactly; other factors round to the precision of the place itself, which
// integers (truncated after interpolation) would show, and so would places far out.
bool shifts_exactly(const Scheme& scheme, const Axis& axis, DataType type) {
  constexpr std::int64_t furthest = 1 << 20, furthest_rounded = 1024;
  if (axis.factor * axis.in != axis.out || axis.out > furthest) return false;
  if ((axis.factor & (axis.factor - 1)) == 0) return true;
  const bool interpolates =
      scheme.interpolation == Interpolation::linear || scheme.interpolation == Interpolation::cubic;
  if (!interpolates) return axis.factor <= 64;
  return axis.in <= furthest_rounded && (type == DataType::float32 || type == DataType::float64);
}

// How a node interpolates; nothing where no rule knows its mode.
std::optional<Interpolation> interpolation_of(const NodeFacts& facts) {
  const std::string mode = text(*facts.node, "mode", "nearest");
  const std::string rounding =
      facts.opset < 11 ? "floor" : text(*facts.node, "nearest_mode", "round_prefer_floor");  // when enlarging
  const std::string name = mode == "nearest" ? mode + " " + rounding : mode;
  static const std::map<std::string, Interpolation> known = {
      {"linear", Interpolation::linear},
      {"bilinear", Interpolation::linear},
      {"cubic", Interpolation::cubic},
      {"nearest floor", Interpolation::nearest_floor},
      {"nearest ceil", Interpolation::nearest_ceil},
      {"nearest round_prefer_floor", Interpolation::nearest_prefer_floor},
      {"nearest round_prefer_ceil", Interpolation::nearest_prefer_ceil},
  };
  const auto found = known.find(name);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

// The axes that scales or sizes are given of: all, or those of the attribute `axes`.
std::vector<std::size_t> given_axes(const NodeFacts& facts) {
  const std::size_t rank = facts.inputs[0].shape.size();
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : ints_attribute(*facts.node, "axes"))
    if (const auto known = axis_of(axis, rank)) axes.push_back(*known);
  if (axes.empty())
    for (std::size_t axis = 0; axis < rank; ++axis) axes.push_back(axis);
  return axes;
}

// The axes that scales or sizes are given of, and how far each is enlarged.
struct Given {
  std::vector<std::size_t> axes;
  std::vector<double> scales;
  int sizes = -1;  // the input that gives extents instead, or -1
};

// Inputs: data, scales (before operator set 11; none before 9), then data, roi, scales, sizes.
std::optional<Given> given_by(const NodeFacts& facts) {
  for (std::size_t i = 1; i < facts.inputs.size(); ++i)
    if (facts.inputs[i].type != DataType::undefined && facts.constants[i] == nullptr) return std::nullopt;
  // An empty constant is another way of leaving a parameter out.
  const auto constant = [&](std::size_t i) -> const Weight* {
    const bool given = i < facts.constants.size() && facts.constants[i] != nullptr && facts.inputs[i].elements() > 0;
    return given ? facts.constants[i] : nullptr;
  };
  const Shape &input = facts.inputs[0].shape, &output = facts.outputs[0].shape;
  Given given{given_axes(facts), {}};
  if (std::any_of(given.axes.begin(), given.axes.end(), [&](std::size_t axis) { return axis >= input.size(); }))
    return std::nullopt;
  const onnx::AttributeProto* attribute = find_attribute(*facts.node, "scales");
  if (const Weight* scales = constant(facts.opset < 11 ? 1 : 2); scales != nullptr) {
    given.scales = reals(*scales);
  } else if (constant(3) != nullptr) {
    given.sizes = 3;
    for (const std::size_t axis : given.axes)
      given.scales.push_back(static_cast<double>(output[axis]) / static_cast<double>(input[axis]));
  } else if (attribute != nullptr) {
    given.scales.assign(attribute->floats().begin(), attribute->floats().end());
  }
  if (given.scales.size() != given.axes.size()) return std::nullopt;
  return given;
}

Axis axis_of(const NodeFacts& facts, const Scheme& scheme, bool shifting, std::size_t index, double scale) {
  Axis axis{false, 1, facts.inputs[0].shape[index], facts.outputs[0].shape[index]};
  axis.whole = scale < 1 || scale > 1024 || scale != std::floor(scale);
  if (axis.whole || scale == 1) return axis;
  axis.factor = static_cast<std::int64_t>(scale);
  axis.whole = !shifting || !shifts_exactly(scheme, axis, facts.inputs[0].type);
  return axis;
}

}  // namespace

std::unique_ptr<const OperatorRule> make_resize(const NodeFacts& facts) {
  const onnx::NodeProto& node = *facts.node;
  const Shape &input = facts.inputs.at(0).shape, &output = facts.outputs.at(0).shape;
  if (facts.opset < 7 || input.size() != output.size()) return nullptr;
  if (int_attribute(node, "antialias", 0) != 0 || text(node, "keep_aspect_ratio_policy", "stretch") != "stretch")
    return nullptr;
  const std::string places =
      facts.opset < 11 ? "asymmetric" : text(node, "coordinate_transformation_mode", "half_pixel");
  Scheme scheme;
  scheme.half_pixel = places == "half_pixel" || places == "pytorch_half_pixel" || places == "half_pixel_symmetric";
  const bool shifting = scheme.half_pixel || places == "asymmetric";
  const std::optional<Interpolation> interpolation = interpolation_of(facts);
  if (!interpolation || (!shifting && places != "align_corners")) return nullptr;
  scheme.interpolation = *interpolation;
  const std::optional<Given> given = given_by(facts);
  if (!given) return nullptr;
  for (std::size_t axis = 0; axis < input.size(); ++axis) scheme.axes.push_back({false, 1, input[axis], output[axis]});
  for (std::size_t i = 0; i < given->axes.size(); ++i)
    scheme.axes[given->axes[i]] = axis_of(facts, scheme, shifting, given->axes[i], given->scales[i]);
  for (const Axis& axis : scheme.axes)
    if (!axis.whole && axis.factor * axis.in != axis.out) return nullptr;
  return std::make_unique<Resizing>(facts, std::move(scheme), given->sizes, given->axes);
}

}  // namespace dse::rules
