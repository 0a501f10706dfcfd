// Conv and its integer forms: N × C × spatial, weights M × C/group × kernel. Output channels map to weight rows, and to
// the input channels of their groups; a spatial part reads its windows, padded only where they leave the whole input.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/window.hpp"

namespace dse::rules {
namespace {

// Which input is which. The others (scales and zero points) are single numbers.
struct Layout {
  std::size_t data = 0, weight = 1;
  std::vector<std::size_t> by_channel;  // a single number or a list along the output channels
};

Layout layout_of(const onnx::NodeProto& node) {
  if (node.op_type() == "ConvInteger") return {0, 1, {3}};
  if (node.op_type() == "QLinearConv") return {0, 3, {4, 5, 8}};
  return {0, 1, {2}};
}

class Convolution : public OperatorRule {
 public:
  Convolution(const NodeFacts& facts, Layout layout, std::vector<Window> windows)
      : layout_(std::move(layout)),
        inputs_(facts.inputs),
        windows_(std::move(windows)),
        groups_(int_attribute(*facts.node, "group", 1)),
        in_per_group_(inputs_[layout_.weight].shape[1]),
        out_per_group_(inputs_[layout_.weight].shape[0] / groups_) {
    if (facts.node->op_type() != "Conv") return;
    has_bias_ = given(facts, 2);
    const bool constants = facts.constants[1] != nullptr && (!has_bias_ || facts.constants[2] != nullptr);
    if (groups_ == 1 && constants && facts.opset >= 5) summed_ = in_per_group_;
  }

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    return {{Region(out)}, input_regions(out)};
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
    NodeNeeds result{{Region(out)}, {Region(input_box(out, range)), Region(weight_box(out, range))}};
    result.inputs.resize(inputs_.size());
    return result;
  }

  void emit_partial(NodeWriter& writer, Range range) const override {
    const Box out = writer.output(0);
    onnx::NodeProto& node = write_conv(writer, out, {writer.input(0, input_box(out, range)), writer.input(1)}, 1);
    node.add_output(writer.output_name(0));
  }

  int bias_input() const override { return has_bias_ ? 2 : -1; }

 private:
  // The input channels of the groups that the output channels belong to.
  Range channels_for(const Box& out) const {
    return {out.lo[1] / out_per_group_ * in_per_group_, ((out.hi[1] - 1) / out_per_group_ + 1) * in_per_group_};
  }

  std::vector<Region> input_regions(const Box& out) const {
    std::vector<Region> regions(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const auto& lists = layout_.by_channel;
      const bool may_be_list = std::find(lists.begin(), lists.end(), i) != lists.end();
      if (i == layout_.data)
        regions[i] = Region(input_box(out, channels_for(out)));
      else if (i == layout_.weight)
        regions[i] = Region(weight_box(out, {0, in_per_group_}));
      else if (inputs_[i].type != DataType::undefined)
        regions[i] = may_be_list && inputs_[i].elements() > 1 ? Region(Box{{out.lo[1]}, {out.hi[1]}})
                                                              : Region::whole(inputs_[i].shape);
    }
    return regions;
  }

  Box input_box(const Box& out, Range channels) const {
    Box box{{out.lo[0], channels.lo}, {out.hi[0], channels.hi}};
    for (std::size_t axis = 0; axis < windows_.size(); ++axis) {
      const WindowPart part = part_of(windows_[axis], out.lo[axis + 2], out.hi[axis + 2]);
      box.lo.push_back(part.in_lo);
      box.hi.push_back(part.in_hi);
    }
    return box;
  }

  Box weight_box(const Box& out, Range channels) const {
    Box box{{out.lo[1], channels.lo}, {out.hi[1], channels.hi}};
    for (const Window& window : windows_) {
      box.lo.push_back(0);
      box.hi.push_back(window.kernel);
    }
    return box;
  }

  void emit_piece(NodeWriter& writer, const Box& out, const std::string& name) const {
    const bool whole_groups = out.lo[1] % out_per_group_ == 0 && out.hi[1] % out_per_group_ == 0;
    std::vector<std::string> inputs;
    const std::vector<Region> regions = input_regions(out);
    for (std::size_t i = 0; i < regions.size(); ++i)
      inputs.push_back(regions[i].empty() ? "" : writer.input(i, regions[i].bounds()));
    const std::int64_t groups = whole_groups ? (out.hi[1] - out.lo[1]) / out_per_group_ : 1;
    write_conv(writer, out, inputs, groups).add_output(name);
  }

  onnx::NodeProto& write_conv(NodeWriter& writer, const Box& out, const std::vector<std::string>& inputs,
                              std::int64_t groups) const {
    std::vector<std::int64_t> begins, ends;
    for (std::size_t axis = 0; axis < windows_.size(); ++axis) {
      const WindowPart part = part_of(windows_[axis], out.lo[axis + 2], out.hi[axis + 2]);
      begins.push_back(part.pad_begin);
      ends.push_back(part.pad_end);
    }
    begins.insert(begins.end(), ends.begin(), ends.end());
    onnx::NodeProto& node = writer.copy();
    for (const std::string& input : inputs) node.add_input(input);
    remove_attribute(node, "auto_pad");
    set_ints(node, "pads", begins);
    set_int(node, "group", groups);
    return node;
  }

  Layout layout_;
  std::vector<TensorType> inputs_;
  std::vector<Window> windows_;
  std::int64_t groups_;
  std::int64_t in_per_group_, out_per_group_;
  bool has_bias_ = false;
  std::int64_t summed_ = 0;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_convolution(const NodeFacts& facts) {
  Layout layout = layout_of(*facts.node);
  if (!given(facts, layout.data) || !given(facts, layout.weight)) return nullptr;
  const Shape& weight = facts.inputs[layout.weight].shape;
  const std::int64_t groups = int_attribute(*facts.node, "group", 1);
  if (weight.size() < 3 || weight.size() != facts.inputs[0].shape.size() || groups < 1 || weight[0] % groups != 0)
    return nullptr;
  for (std::size_t i = 0; i < facts.inputs.size(); ++i) {
    if (i == layout.data || i == layout.weight || !given(facts, i) || facts.inputs[i].elements() == 1) continue;
    const auto& lists = layout.by_channel;
    if (std::find(lists.begin(), lists.end(), i) == lists.end() || facts.inputs[i].shape != Shape{weight[0]})
      return nullptr;
  }
  std::vector<Window> windows = windows_of(facts, {weight.begin() + 2, weight.end()});
  if (windows.empty()) return nullptr;
  return std::make_unique<Convolution>(facts, std::move(layout), std::move(windows));
}

}  // namespace dse::rules
