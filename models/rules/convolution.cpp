// Conv: N × C × spatial, weights M × C/group × kernel. Output channels map to weight rows, and to the input channels of
// their groups; a spatial part reads its windows, padded only where they leave the whole input.
#include "models/draft.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/window.hpp"

namespace dse::rules {
namespace {

class Convolution : public OperatorRule {
 public:
  Convolution(const NodeFacts& facts, std::vector<Window> windows)
      : windows_(std::move(windows)),
        groups_(int_attribute(*facts.node, "group", 1)),
        in_per_group_(facts.inputs[1].shape[1]),
        out_per_group_(facts.inputs[1].shape[0] / groups_),
        has_bias_(facts.inputs.size() > 2 && facts.inputs[2].type != DataType::undefined) {
    const bool constants = facts.constants[1] != nullptr && (!has_bias_ || facts.constants[2] != nullptr);
    if (groups_ == 1 && constants && facts.opset >= 5) summed_ = in_per_group_;
  }

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    NodeNeeds result{{Region(out)}, {}};
    const std::int64_t first = out.lo[1] / out_per_group_, last = (out.hi[1] - 1) / out_per_group_;
    result.inputs.emplace_back(input_box(out, {first * in_per_group_, (last + 1) * in_per_group_}));
    result.inputs.emplace_back(weight_box(out, {0, in_per_group_}));
    if (has_bias_) result.inputs.emplace_back(Box{{out.lo[1]}, {out.hi[1]}});
    return padded(std::move(result));
  }

  void emit(NodeWriter& writer) const override {
    const Box out = writer.output(0);
    std::vector<std::string> pieces;
    const std::vector<Range> ranges = aligned_ranges(out.lo[1], out.hi[1]);
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

  void emit_partial(NodeWriter& writer, Range range) const override {
    const Box out = writer.output(0);
    onnx::NodeProto& node = write_conv(writer, out, {writer.input(0, input_box(out, range)), writer.input(1), ""}, 1);
    node.add_output(writer.output_name(0));
  }

  int bias_input() const override { return has_bias_ ? 2 : -1; }

 private:
  NodeNeeds padded(NodeNeeds needs) const {
    needs.inputs.resize(has_bias_ ? 3 : needs.inputs.size());
    return needs;
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

  // Output channels cut where a group is only begun or only ended: each range lies inside one group or is made of whole
  // ones.
  std::vector<Range> aligned_ranges(std::int64_t lo, std::int64_t hi) const {
    const std::int64_t first_whole = (lo + out_per_group_ - 1) / out_per_group_ * out_per_group_;
    const std::int64_t last_whole = hi / out_per_group_ * out_per_group_;
    if (first_whole > last_whole) return {{lo, hi}};  // inside one group
    std::vector<Range> ranges;
    for (const Range& range : {Range{lo, first_whole}, Range{first_whole, last_whole}, Range{last_whole, hi}})
      if (range.lo < range.hi) ranges.push_back(range);
    return ranges;
  }

  void emit_piece(NodeWriter& writer, const Box& out, const std::string& name) const {
    const std::int64_t first = out.lo[1] / out_per_group_, last = (out.hi[1] - 1) / out_per_group_;
    const bool whole_groups = out.lo[1] % out_per_group_ == 0 && out.hi[1] % out_per_group_ == 0;
    const Range channels{first * in_per_group_, (last + 1) * in_per_group_};
    onnx::NodeProto& node =
        write_conv(writer, out,
                   {writer.input(0, input_box(out, channels)), writer.input(1, weight_box(out, {0, in_per_group_})),
                    has_bias_ ? writer.input(2, Box{{out.lo[1]}, {out.hi[1]}}) : ""},
                   whole_groups ? last - first + 1 : 1);
    node.add_output(name);
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
    for (const std::string& input : inputs)
      if (!input.empty()) node.add_input(input);
    remove_attribute(node, "auto_pad");
    set_ints(node, "pads", begins);
    set_int(node, "group", groups);
    return node;
  }

  std::vector<Window> windows_;
  std::int64_t groups_;
  std::int64_t in_per_group_, out_per_group_;
  bool has_bias_;
  std::int64_t summed_ = 0;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_convolution(const NodeFacts& facts) {
  if (facts.inputs.size() < 2) return nullptr;
  const Shape& weight = facts.inputs[1].shape;
  const std::int64_t groups = int_attribute(*facts.node, "group", 1);
  if (weight.size() < 3 || weight.size() != facts.inputs[0].shape.size() || groups < 1 || weight[0] % groups != 0)
    return nullptr;
  std::vector<Window> windows = windows_of(facts, {weight.begin() + 2, weight.end()});
  if (windows.empty()) return nullptr;
  return std::make_unique<Convolution>(facts, std::move(windows));
}

}  // namespace dse::rules
