// Normalisations: the axes that statistics are taken over are needed whole, the others pass. BatchNormalization brings
// its statistics along, so that every axis passes.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

std::vector<std::size_t> axes_from(std::size_t first, std::size_t rank) {
  std::vector<std::size_t> axes;
  for (std::size_t axis = first; axis < rank; ++axis) axes.push_back(axis);
  return axes;
}

bool parameters_are(const NodeFacts& facts, const Shape& shape, std::size_t count) {
  if (facts.inputs.size() != count + 1) return false;
  return std::all_of(facts.inputs.begin() + 1, facts.inputs.end(),
                     [&](const TensorType& input) { return input.shape == shape; });
}

// N × C × spatial in C / groups channels a group. A part is made of whole groups.
class GroupNormalization : public OperatorRule {
 public:
  GroupNormalization(const NodeFacts& facts, std::int64_t groups)
      : shape_(facts.inputs[0].shape),
        per_group_(shape_[1] / groups),
        parameters_per_group_(facts.inputs[1].shape[0] / groups) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    const std::int64_t first = out.lo[1] / per_group_, end = (out.hi[1] - 1) / per_group_ + 1;
    Box box = Box::whole(shape_);
    box.lo[0] = out.lo[0];
    box.hi[0] = out.hi[0];
    box.lo[1] = first * per_group_;
    box.hi[1] = end * per_group_;
    const Region parameters(Box{{first * parameters_per_group_}, {end * parameters_per_group_}});
    return {{Region(box)}, {Region(box), parameters, parameters}};
  }

  void emit(NodeWriter& writer) const override {
    const std::vector<std::string> inputs{writer.input(0), writer.input(1), writer.input(2)};
    const Box out = writer.output(0);
    onnx::NodeProto& node = writer.copy();
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(writer.output_name(0));
    set_int(node, "num_groups", (out.hi[1] - out.lo[1]) / per_group_);
  }

 private:
  Shape shape_;
  std::int64_t per_group_;
  std::int64_t parameters_per_group_;  // one before operator set 21, a channel each since
};

}  // namespace

std::unique_ptr<const OperatorRule> make_batch_normalisation(const NodeFacts& facts) {
  const onnx::NodeProto& node = *facts.node;
  if (facts.opset < 7 || !given(facts, 0) || facts.inputs[0].shape.size() < 2) return nullptr;
  if (int_attribute(node, "training_mode", 0) != 0 || int_attribute(node, "spatial", 1) != 1) return nullptr;
  if (!parameters_are(facts, {facts.inputs[0].shape[1]}, 4)) return nullptr;
  return make_axiswise(facts, {}, 1);
}

std::unique_ptr<const OperatorRule> make_instance_normalisation(const NodeFacts& facts) {
  if (facts.opset < 6 || !given(facts, 0) || facts.inputs[0].shape.size() < 3) return nullptr;
  const Shape& shape = facts.inputs[0].shape;
  if (!parameters_are(facts, {shape[1]}, 2)) return nullptr;
  return make_axiswise(facts, axes_from(2, shape.size()), 1);
}

std::unique_ptr<const OperatorRule> make_group_normalisation(const NodeFacts& facts) {
  if (!given(facts, 0) || !only_first_output(facts) || facts.inputs[0].shape.size() < 3) return nullptr;
  const Shape& shape = facts.inputs[0].shape;
  const std::int64_t groups = int_attribute(*facts.node, "num_groups", 0);
  if (groups < 1 || shape[1] % groups != 0 || facts.outputs[0].shape != shape) return nullptr;
  if (!parameters_are(facts, {facts.opset >= 21 ? shape[1] : groups}, 2)) return nullptr;
  return std::make_unique<GroupNormalization>(facts, groups);
}

std::unique_ptr<const OperatorRule> make_layer_normalisation(const NodeFacts& facts) {
  if (facts.opset < 17 || !given(facts, 0)) return nullptr;
  const Shape& shape = facts.inputs[0].shape;
  const auto axis = axis_of(int_attribute(*facts.node, "axis", -1), shape.size());
  if (!axis) return nullptr;
  const Shape normalised(shape.begin() + static_cast<std::ptrdiff_t>(*axis), shape.end());
  for (std::size_t i = 1; i < facts.inputs.size(); ++i)
    if (given(facts, i) && facts.inputs[i].shape != normalised) return nullptr;
  return make_axiswise(facts, axes_from(*axis, shape.size()));
}

std::unique_ptr<const OperatorRule> make_lp_normalisation(const NodeFacts& facts) {
  if (!given(facts, 0)) return nullptr;
  const auto axis = axis_of(int_attribute(*facts.node, "axis", -1), facts.inputs[0].shape.size());
  return axis ? make_axiswise(facts, {*axis}) : nullptr;
}

std::unique_ptr<const OperatorRule> make_mean_variance_normalisation(const NodeFacts& facts) {
  if (facts.opset < 9 || !given(facts, 0)) return nullptr;
  std::vector<std::int64_t> axes = ints_attribute(*facts.node, "axes");
  if (axes.empty()) axes = {0, 2, 3};
  std::vector<std::size_t> whole;
  for (const std::int64_t given_axis : axes) {
    const auto axis = axis_of(given_axis, facts.inputs[0].shape.size());
    if (!axis) return nullptr;
    whole.push_back(*axis);
  }
  return make_axiswise(facts, std::move(whole));
}

}  // namespace dse::rules
