// ConvTranspose: N × C × spatial, weights C × M/group × kernel. Input position i reaches the outputs
// i·stride − pad + tap·dilation; a spatial part reads the positions that reach it and trims or pads what they make.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

struct Stamp {
  std::int64_t kernel = 1, stride = 1, dilation = 1;
  std::int64_t pad_begin = 0;
  std::int64_t extent = 0;  // of the whole input

  std::int64_t span() const { return (kernel - 1) * dilation + 1; }
  std::int64_t start(std::int64_t position) const { return position * stride - pad_begin; }
};

struct StampPart {
  Range in;
  std::int64_t pad_begin = 0, pad_end = 0, output_padding = 0;
};

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

StampPart part_of(const Stamp& stamp, std::int64_t lo, std::int64_t hi) {
  const auto inside = [&](std::int64_t position) { return std::clamp<std::int64_t>(position, 0, stamp.extent - 1); };
  const std::int64_t below = lo + stamp.pad_begin;
  // The first position that reaches `lo`, or in a gap between stamps the one before it, so that nothing is missing in
  // front.
  const std::int64_t first_reaching = -floor_div(-(below - stamp.span() + 1), stamp.stride);
  StampPart part;
  part.in.lo = inside(std::min(first_reaching, floor_div(below, stamp.stride)));
  part.in.hi = inside(floor_div(hi - 1 + stamp.pad_begin, stamp.stride)) + 1;
  part.pad_begin = lo - stamp.start(part.in.lo);
  const std::int64_t surplus = stamp.start(part.in.hi - 1) + stamp.span() - hi;
  part.pad_end = std::max<std::int64_t>(surplus, 0);
  part.output_padding = std::max<std::int64_t>(-surplus, 0);
  return part;
}

class TransposedConvolution : public OperatorRule {
 public:
  TransposedConvolution(const NodeFacts& facts, std::vector<Stamp> stamps)
      : stamps_(std::move(stamps)),
        groups_(int_attribute(*facts.node, "group", 1)),
        in_per_group_(facts.inputs[1].shape[0] / groups_),
        out_per_group_(facts.inputs[1].shape[1]),
        has_bias_(facts.inputs.size() > 2 && facts.inputs[2].type != DataType::undefined) {
    const bool constants = facts.constants[1] != nullptr && (!has_bias_ || facts.constants[2] != nullptr);
    if (groups_ == 1 && constants && facts.opset >= 5) summed_ = in_per_group_;
  }

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    NodeNeeds result{{Region(out)}, {}};
    result.inputs.emplace_back(input_box(out, channels_of(out)));
    result.inputs.emplace_back(weight_box(out, channels_of(out)));
    if (has_bias_) result.inputs.emplace_back(Box{{out.lo[1]}, {out.hi[1]}});
    return padded(std::move(result));
  }

  void emit(NodeWriter& writer) const override {
    const Box out = writer.output(0);
    std::vector<std::string> pieces;
    const std::vector<Range> ranges = cut_at_groups({out.lo[1], out.hi[1]}, out_per_group_);
    for (const Range& range : ranges) {
      Box piece = out;
      piece.lo[1] = range.lo;
      piece.hi[1] = range.hi;
      pieces.push_back(ranges.size() == 1 ? writer.output_name(0) : writer.fresh());
      emit_piece(writer, piece, pieces.back());
    }
    if (pieces.size() > 1) writer.concat(pieces, 1, writer.output_name(0));
  }

  std::int64_t summed() const override { return summed_; }

  NodeNeeds partial_needs(const Region& asked, Range range) const override {
    const Box out = asked.bounds();
    return padded({{Region(out)}, {Region(input_box(out, range)), Region(weight_box(out, range))}});
  }

  void emit_partial(NodeWriter& writer, Range) const override {
    write(writer, writer.output(0), {writer.input(0), writer.input(1)}, 1).add_output(writer.output_name(0));
  }

  int bias_input() const override { return has_bias_ ? 2 : -1; }

 private:
  NodeNeeds padded(NodeNeeds needs) const {
    needs.inputs.resize(has_bias_ ? 3 : needs.inputs.size());
    return needs;
  }

  // The input channels of the groups that the output channels lie in.
  Range channels_of(const Box& out) const {
    const std::int64_t first = out.lo[1] / out_per_group_, last = (out.hi[1] - 1) / out_per_group_;
    return {first * in_per_group_, (last + 1) * in_per_group_};
  }

  Box input_box(const Box& out, Range channels) const {
    Box box{{out.lo[0], channels.lo}, {out.hi[0], channels.hi}};
    for (std::size_t axis = 0; axis < stamps_.size(); ++axis) {
      const StampPart part = part_of(stamps_[axis], out.lo[axis + 2], out.hi[axis + 2]);
      box.lo.push_back(part.in.lo);
      box.hi.push_back(part.in.hi);
    }
    return box;
  }

  // The second axis counts inside a group: outputs of several groups need all of it.
  Box weight_box(const Box& out, Range channels) const {
    const std::int64_t group = out.lo[1] / out_per_group_;
    const bool one_group = (out.hi[1] - 1) / out_per_group_ == group;
    Box box{{channels.lo, one_group ? out.lo[1] - group * out_per_group_ : 0},
            {channels.hi, one_group ? out.hi[1] - group * out_per_group_ : out_per_group_}};
    for (const Stamp& stamp : stamps_) {
      box.lo.push_back(0);
      box.hi.push_back(stamp.kernel);
    }
    return box;
  }

  void emit_piece(NodeWriter& writer, const Box& out, const std::string& name) const {
    const Range channels = channels_of(out);
    std::vector<std::string> inputs{writer.input(0, input_box(out, channels)),
                                    writer.input(1, weight_box(out, channels))};
    if (has_bias_) inputs.push_back(writer.input(2, Box{{out.lo[1]}, {out.hi[1]}}));
    write(writer, out, inputs, (channels.hi - channels.lo) / in_per_group_).add_output(name);
  }

  onnx::NodeProto& write(NodeWriter& writer, const Box& out, const std::vector<std::string>& inputs,
                         std::int64_t groups) const {
    std::vector<std::int64_t> pads, ends, output_padding;
    for (std::size_t axis = 0; axis < stamps_.size(); ++axis) {
      const StampPart part = part_of(stamps_[axis], out.lo[axis + 2], out.hi[axis + 2]);
      pads.push_back(part.pad_begin);
      ends.push_back(part.pad_end);
      output_padding.push_back(part.output_padding);
    }
    pads.insert(pads.end(), ends.begin(), ends.end());
    onnx::NodeProto& node = writer.copy();
    for (const std::string& input : inputs) node.add_input(input);
    remove_attribute(node, "auto_pad");
    remove_attribute(node, "output_shape");
    set_ints(node, "pads", pads);
    set_ints(node, "output_padding", output_padding);
    set_int(node, "group", groups);
    return node;
  }

  std::vector<Stamp> stamps_;
  std::int64_t groups_;
  std::int64_t in_per_group_, out_per_group_;
  bool has_bias_;
  std::int64_t summed_ = 0;
};

std::int64_t at_or(const std::vector<std::int64_t>& values, std::size_t index, std::int64_t fallback) {
  return index < values.size() ? values[index] : fallback;
}

// Empty where the attributes do not explain the output's shape.
std::vector<Stamp> stamps_of(const NodeFacts& facts) {
  const onnx::NodeProto& node = *facts.node;
  const Shape &input = facts.inputs[0].shape, &weight = facts.inputs[1].shape, &output = facts.outputs[0].shape;
  const std::size_t axes = weight.size() - 2;
  const auto strides = ints_attribute(node, "strides"), dilations = ints_attribute(node, "dilations"),
             pads = ints_attribute(node, "pads"), output_padding = ints_attribute(node, "output_padding");
  const onnx::AttributeProto* attribute = find_attribute(node, "auto_pad");
  const std::string auto_pad = attribute == nullptr || attribute->s().empty() ? "NOTSET" : attribute->s();
  const bool shape_given = find_attribute(node, "output_shape") != nullptr;
  std::vector<Stamp> stamps;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    Stamp stamp;
    stamp.kernel = weight[axis + 2];
    stamp.stride = at_or(strides, axis, 1);
    stamp.dilation = at_or(dilations, axis, 1);
    stamp.extent = input[axis + 2];
    if (stamp.kernel < 1 || stamp.stride < 1 || stamp.dilation < 1) return {};
    const std::int64_t total =
        (stamp.extent - 1) * stamp.stride + stamp.span() + at_or(output_padding, axis, 0) - output[axis + 2];
    if (total < 0) return {};
    // Shape inference and kernel disagree about what such an output's extent is.
    if (auto_pad.starts_with("SAME") && !shape_given && at_or(output_padding, axis, 0) != 0) return {};
    if (shape_given || auto_pad.starts_with("SAME"))
      stamp.pad_begin = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    else if (auto_pad == "NOTSET")
      stamp.pad_begin = at_or(pads, axis, 0);
    const std::int64_t pad_end = total - stamp.pad_begin;
    if (!shape_given && auto_pad == "NOTSET" && pad_end != at_or(pads, axis + axes, 0)) return {};
    if (!shape_given && auto_pad == "VALID" && total != 0) return {};
    if (stamp.pad_begin < 0 || pad_end < 0) return {};
    stamps.push_back(stamp);
  }
  return stamps;
}

}  // namespace

std::unique_ptr<const OperatorRule> make_transposed_convolution(const NodeFacts& facts) {
  if (facts.inputs.size() < 2) return nullptr;
  const Shape &input = facts.inputs[0].shape, &weight = facts.inputs[1].shape, &output = facts.outputs.at(0).shape;
  const std::int64_t groups = int_attribute(*facts.node, "group", 1);
  if (weight.size() < 3 || weight.size() != input.size() || weight.size() != output.size()) return nullptr;
  if (groups < 1 || weight[0] % groups != 0 || weight[0] != input[1] || weight[1] * groups != output[1]) return nullptr;
  std::vector<Stamp> stamps = stamps_of(facts);
  if (stamps.empty()) return nullptr;
  return std::make_unique<TransposedConvolution>(facts, std::move(stamps));
}

}  // namespace dse::rules
