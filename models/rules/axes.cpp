#include "models/rules/axes.hpp"

#include <algorithm>

#include "models/rules/node_writer.hpp"

namespace dse::rules {

bool given(const NodeFacts& facts, std::size_t input) {
  return input < facts.inputs.size() && facts.inputs[input].type != DataType::undefined;
}

bool only_first_output(const NodeFacts& facts) {
  for (std::size_t i = 0; i < facts.outputs.size(); ++i)
    if ((facts.outputs[i].type != DataType::undefined) != (i == 0)) return false;
  return !facts.outputs.empty();
}

std::optional<std::size_t> axis_of(std::int64_t axis, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) return {};
  return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

bool broadcasts_to(const Shape& operand, const Shape& result) {
  if (operand.size() > result.size()) return false;
  const std::size_t missing = result.size() - operand.size();
  for (std::size_t axis = 0; axis < operand.size(); ++axis)
    if (operand[axis] != 1 && operand[axis] != result[axis + missing]) return false;
  return true;
}

std::vector<AxisGroup> axis_groups(const Shape& in, const Shape& out) {
  std::vector<AxisGroup> groups;
  std::size_t i = 0, o = 0;
  while (i < in.size() || o < out.size()) {
    AxisGroup group{i, i, o, o};
    std::int64_t read = i < in.size() ? in[i++] : 1, made = o < out.size() ? out[o++] : 1;
    while (read != made) {
      if (read < made && i < in.size())
        read *= in[i++];
      else if (made < read && o < out.size())
        made *= out[o++];
      else
        return {};
    }
    group.in_hi = i;
    group.out_hi = o;
    groups.push_back(group);
  }
  return groups;
}

std::vector<Range> cut_at_groups(Range channels, std::int64_t per_group) {
  const std::int64_t first_whole = (channels.lo + per_group - 1) / per_group * per_group;
  const std::int64_t last_whole = channels.hi / per_group * per_group;
  if (first_whole > last_whole) return {channels};  // inside one group
  std::vector<Range> ranges;
  for (const Range& range :
       {Range{channels.lo, first_whole}, Range{first_whole, last_whole}, Range{last_whole, channels.hi}})
    if (range.lo < range.hi) ranges.push_back(range);
  return ranges;
}

Box operand_box(const Box& result, const Shape& operand) {
  Box box;
  const std::size_t missing = result.lo.size() - operand.size();
  for (std::size_t axis = 0; axis < operand.size(); ++axis) {
    const bool pinned = operand[axis] == 1;
    box.lo.push_back(pinned ? 0 : result.lo[axis + missing]);
    box.hi.push_back(pinned ? 1 : result.hi[axis + missing]);
  }
  return box;
}

namespace {

class Axiswise : public OperatorRule {
 public:
  Axiswise(const NodeFacts& facts, std::vector<std::size_t> whole, std::optional<std::size_t> list_axis)
      : inputs_(facts.inputs), outputs_(facts.outputs.size()), whole_(std::move(whole)), list_axis_(list_axis) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Shape& shape = inputs_[0].shape;
    Box box = asked[0].bounds();
    for (const std::size_t axis : whole_) {
      box.lo[axis] = 0;
      box.hi[axis] = shape[axis];
    }
    NodeNeeds result{std::vector<Region>(outputs_), {Region(box)}};
    result.computed[0] = Region(box);
    for (std::size_t i = 1; i < inputs_.size(); ++i) result.inputs.push_back(parameter(inputs_[i], box));
    return result;
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

 private:
  Region parameter(const TensorType& tensor, const Box& box) const {
    if (tensor.type == DataType::undefined) return {};
    if (list_axis_ && tensor.shape == Shape{inputs_[0].shape[*list_axis_]})
      return Region(Box{{box.lo[*list_axis_]}, {box.hi[*list_axis_]}});
    return Region::whole(tensor.shape);
  }

  std::vector<TensorType> inputs_;
  std::size_t outputs_;
  std::vector<std::size_t> whole_;
  std::optional<std::size_t> list_axis_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_axiswise(const NodeFacts& facts, std::vector<std::size_t> whole,
                                                  std::optional<std::size_t> list_axis) {
  if (!given(facts, 0) || !only_first_output(facts) || facts.outputs[0].shape != facts.inputs[0].shape) return nullptr;
  return std::make_unique<Axiswise>(facts, std::move(whole), list_axis);
}

}  // namespace dse::rules
