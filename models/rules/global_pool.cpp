// Operators that need some axes of their data whole, and that are the same operator on any part of the other axes:
// global pools, reductions, ArgMax and ArgMin, CumSum, TopK.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

class WholeAxes : public OperatorRule {
 public:
  // whole: by axis of input 0; dropped: those axes are missing in the outputs. The other inputs are parameters.
  WholeAxes(const NodeFacts& facts, std::vector<char> whole, bool dropped)
      : inputs_(facts.inputs), outputs_(facts.outputs), whole_(std::move(whole)), dropped_(dropped) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Region region;
    for (const Region& output : asked) region = unite(region, output);
    const Box wanted = region.bounds();
    NodeNeeds result;
    for (const TensorType& output : outputs_)
      result.computed.push_back(output.type == DataType::undefined ? Region() : Region(computed(wanted, output.shape)));
    result.inputs.emplace_back(read(wanted));
    for (std::size_t i = 1; i < inputs_.size(); ++i)
      result.inputs.push_back(inputs_[i].type == DataType::undefined ? Region() : Region::whole(inputs_[i].shape));
    return result;
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

 private:
  Box computed(const Box& wanted, const Shape& output) const {
    if (dropped_) return wanted;
    Box box = wanted;
    for (std::size_t axis = 0; axis < whole_.size(); ++axis)
      if (whole_[axis] != 0) {
        box.lo[axis] = 0;
        box.hi[axis] = output[axis];
      }
    return box;
  }

  Box read(const Box& wanted) const {
    Box box = Box::whole(inputs_[0].shape);
    std::size_t from = 0;
    for (std::size_t axis = 0; axis < whole_.size(); ++axis) {
      if (whole_[axis] == 0) {
        box.lo[axis] = wanted.lo[from];
        box.hi[axis] = wanted.hi[from];
      }
      if (whole_[axis] == 0 || !dropped_) ++from;
    }
    return box;
  }

  std::vector<TensorType> inputs_;
  std::vector<TensorType> outputs_;
  std::vector<char> whole_;
  bool dropped_;
};

bool present(const NodeFacts& facts, std::size_t input) {
  return input < facts.inputs.size() && facts.inputs[input].type != DataType::undefined;
}

// Null where an output has not the shape that the axes make of the input's; `whole_axes_stay` says that an axis which
// is needed whole may have any extent in the outputs, not only 1.
std::unique_ptr<const OperatorRule> make(const NodeFacts& facts, const std::vector<std::int64_t>& axes, bool dropped,
                                         bool whole_axes_stay) {
  const Shape& input = facts.inputs.at(0).shape;
  std::vector<char> whole(input.size(), 0);
  for (const std::int64_t named : axes) {
    const auto axis = axis_of(named, input.size());
    if (!axis) return nullptr;
    whole[*axis] = 1;
  }
  for (const TensorType& output : facts.outputs) {
    if (output.type == DataType::undefined) continue;
    std::size_t at = 0;
    for (std::size_t axis = 0; axis < input.size(); ++axis) {
      if (whole[axis] != 0 && dropped) continue;
      if (at >= output.shape.size()) return nullptr;
      const bool any = whole[axis] != 0 && whole_axes_stay;
      if (!any && output.shape[at] != (whole[axis] != 0 ? 1 : input[axis])) return nullptr;
      ++at;
    }
    if (at != output.shape.size()) return nullptr;
  }
  return std::make_unique<WholeAxes>(facts, std::move(whole), dropped);
}

std::vector<std::int64_t> axes_from(const Shape& shape, std::int64_t first) {
  std::vector<std::int64_t> axes;
  for (auto axis = first; axis < static_cast<std::int64_t>(shape.size()); ++axis) axes.push_back(axis);
  return axes;
}

}  // namespace

std::unique_ptr<const OperatorRule> make_global_pool(const NodeFacts& facts) {
  if (facts.inputs.size() != 1 || facts.outputs.size() != 1) return nullptr;
  return make(facts, axes_from(facts.inputs[0].shape, 2), false, false);
}

std::unique_ptr<const OperatorRule> make_reduction(const NodeFacts& facts) {
  const onnx::NodeProto& node = *facts.node;
  std::vector<std::int64_t> axes = ints_attribute(node, "axes");
  if (present(facts, 1)) {
    if (facts.constants[1] == nullptr) return nullptr;
    axes = integers({facts.constants[1]->tensor, facts.constants[1]->owner, facts.constants[1]->data});
  }
  if (axes.empty() && int_attribute(node, "noop_with_empty_axes", 0) == 0)
    axes = axes_from(facts.inputs.at(0).shape, 0);
  return make(facts, axes, int_attribute(node, "keepdims", 1) == 0, false);
}

std::unique_ptr<const OperatorRule> make_arg_extreme(const NodeFacts& facts) {
  return make(facts, {int_attribute(*facts.node, "axis", 0)}, int_attribute(*facts.node, "keepdims", 1) == 0, false);
}

std::unique_ptr<const OperatorRule> make_cumulative_sum(const NodeFacts& facts) {
  if (!present(facts, 1) || facts.constants[1] == nullptr) return nullptr;
  const std::vector<std::int64_t> axis =
      integers({facts.constants[1]->tensor, facts.constants[1]->owner, facts.constants[1]->data});
  if (axis.size() != 1) return nullptr;
  return make(facts, axis, false, true);
}

std::unique_ptr<const OperatorRule> make_top_k(const NodeFacts& facts) {
  if (present(facts, 1) && facts.constants[1] == nullptr) return nullptr;
  return make(facts, {int_attribute(*facts.node, "axis", -1)}, false, true);
}

}  // namespace dse::rules
