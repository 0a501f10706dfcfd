// Quantisation, and Microsoft's operators on quantised values. Their scales and zero points are single numbers, or
// lists along an axis where QuantizeLinear and DequantizeLinear have one.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

bool single_or_absent(const NodeFacts& facts, std::size_t input) {
  return !given(facts, input) || (facts.inputs[input].elements() == 1 && facts.inputs[input].shape.size() <= 1);
}

bool all_single(const NodeFacts& facts, std::size_t first) {
  for (std::size_t i = first; i < facts.inputs.size(); ++i)
    if (!single_or_absent(facts, i)) return false;
  return true;
}

// Lists along an axis came with operator set 13; Microsoft's form has them where it names the axis.
std::optional<std::size_t> list_axis(const NodeFacts& facts) {
  const onnx::AttributeProto* named = find_attribute(*facts.node, "axis");
  const bool listed = is_default_domain(facts.node->domain()) ? facts.opset >= 13 : named != nullptr;
  if (!listed) return {};
  return axis_of(named == nullptr ? 1 : named->i(), facts.inputs[0].shape.size());
}

class GlobalAverage : public OperatorRule {
 public:
  explicit GlobalAverage(const NodeFacts& facts) : inputs_(facts.inputs) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    Box in = Box::whole(inputs_[0].shape);
    for (const std::size_t axis : {0U, 1U}) {
      in.lo[axis] = out.lo[axis];
      in.hi[axis] = out.hi[axis];
    }
    NodeNeeds result{{Region(out)}, {Region(in)}};
    for (std::size_t i = 1; i < inputs_.size(); ++i)
      result.inputs.push_back(inputs_[i].type == DataType::undefined ? Region() : Region::whole(inputs_[i].shape));
    return result;
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

 private:
  std::vector<TensorType> inputs_;
};

// Inputs: the result's scale and zero point, then a value, its scale and its zero point for each piece.
class QuantisedConcat : public OperatorRule {
 public:
  QuantisedConcat(const NodeFacts& facts, std::size_t axis) : inputs_(facts.inputs), axis_(axis) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    NodeNeeds result{{Region(out)}, std::vector<Region>(inputs_.size())};
    for (const std::size_t parameter : {0U, 1U}) result.inputs[parameter] = Region::whole(inputs_[parameter].shape);
    std::int64_t begin = 0;
    for (std::size_t i = 2; i < inputs_.size(); i += 3) {
      const std::int64_t end = begin + inputs_[i].shape[axis_];
      Box in = out;
      in.lo[axis_] = std::max(out.lo[axis_], begin) - begin;
      in.hi[axis_] = std::min(out.hi[axis_], end) - begin;
      begin = end;
      if (in.empty()) continue;
      result.inputs[i] = Region(in);
      for (const std::size_t parameter : {i + 1, i + 2})
        result.inputs[parameter] = Region::whole(inputs_[parameter].shape);
    }
    return result;
  }

  void emit(NodeWriter& writer) const override {
    std::vector<std::string> inputs;
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      if (writer.reads(i)) inputs.push_back(writer.input(i));
    onnx::NodeProto& node = writer.copy();
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(writer.output_name(0));
  }

 private:
  std::vector<TensorType> inputs_;
  std::size_t axis_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_quantisation(const NodeFacts& facts) {
  if (!given(facts, 0) || !given(facts, 1) || facts.opset < 10) return nullptr;
  if (int_attribute(*facts.node, "block_size", 0) != 0) return nullptr;
  const std::optional<std::size_t> axis = list_axis(facts);
  for (std::size_t i = 1; i < facts.inputs.size(); ++i) {
    if (single_or_absent(facts, i)) continue;
    if (!axis || facts.inputs[i].shape != Shape{facts.inputs[0].shape[*axis]}) return nullptr;
  }
  return make_axiswise(facts, {}, axis);
}

std::unique_ptr<const OperatorRule> make_quantised_unary(const NodeFacts& facts) {
  if (facts.inputs.size() < 4 || !all_single(facts, 1)) return nullptr;
  return make_axiswise(facts, {});
}

std::unique_ptr<const OperatorRule> make_quantised_binary(const NodeFacts& facts) {
  if (facts.inputs.size() < 7 || !only_first_output(facts)) return nullptr;
  for (const std::size_t parameter : {1U, 2U, 4U, 5U, 6U, 7U})
    if (!single_or_absent(facts, parameter)) return nullptr;
  return make_elementwise(facts);
}

std::unique_ptr<const OperatorRule> make_quantised_global_average(const NodeFacts& facts) {
  if (facts.inputs.size() < 4 || !only_first_output(facts) || !all_single(facts, 1)) return nullptr;
  if (int_attribute(*facts.node, "channels_last", 0) != 0) return nullptr;
  const Shape& in = facts.inputs[0].shape;
  if (in.size() < 3) return nullptr;
  Shape out(in.size(), 1);
  std::copy_n(in.begin(), 2, out.begin());
  if (facts.outputs[0].shape != out) return nullptr;
  return std::make_unique<GlobalAverage>(facts);
}

std::unique_ptr<const OperatorRule> make_quantised_concat(const NodeFacts& facts) {
  if (facts.inputs.size() < 5 || facts.inputs.size() % 3 != 2 || !only_first_output(facts)) return nullptr;
  const Shape& out = facts.outputs[0].shape;
  const onnx::AttributeProto* named = find_attribute(*facts.node, "axis");
  const auto axis = named == nullptr ? std::nullopt : axis_of(named->i(), out.size());
  if (!axis) return nullptr;
  for (std::size_t i = 0; i < facts.inputs.size(); ++i) {
    if (!given(facts, i)) return nullptr;
    if (i < 2 || i % 3 != 2) {
      if (!single_or_absent(facts, i)) return nullptr;
    } else if (facts.inputs[i].shape.size() != out.size()) {
      return nullptr;
    }
  }
  return std::make_unique<QuantisedConcat>(facts, *axis);
}

}  // namespace dse::rules
