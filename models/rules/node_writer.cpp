#include "models/rules/node_writer.hpp"

#include "models/graph_builder.hpp"

namespace dse::rules {

NodeWriter::NodeWriter(GraphBuilder& builder, const NodeFacts& facts, const NodeNeeds& needs,
                       std::vector<std::string> inputs, std::vector<std::string> outputs)
    : builder_(builder), facts_(facts), needs_(needs), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}

std::string NodeWriter::output_name(std::size_t output) const { return writes(output) ? outputs_[output] : ""; }

std::string NodeWriter::input(std::size_t input) { return reads(input) ? this->input(input, input_box(input)) : ""; }

std::string NodeWriter::input(std::size_t input, const Box& box) {
  return widened(builder_.demand(inputs_[input], box), facts_.inputs[input].type);
}

bool NodeWriter::holds(std::size_t input) const { return builder_.provides(inputs_[input], input_box(input)); }

std::vector<std::string> NodeWriter::pieces(std::size_t input) {
  std::vector<std::string> names;
  for (const Box& box : input_boxes(input)) names.push_back(this->input(input, box));
  return names;
}

std::string NodeWriter::widened(const std::string& name, DataType type) {
  return widens_ && is_half(type) ? builder_.cast(name, DataType::float32) : name;
}

onnx::NodeProto& NodeWriter::copy() {
  onnx::NodeProto& node = *builder_.graph().add_node();
  node = *facts_.node;
  node.clear_input();
  node.clear_output();
  node.set_name(builder_.fresh_node(facts_.node->name().empty() ? facts_.node->output(0) : facts_.node->name()));
  return node;
}

onnx::NodeProto& NodeWriter::add(std::string_view op_type, const std::vector<std::string>& inputs,
                                 const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *builder_.graph().add_node();
  node.set_op_type(std::string(op_type));
  node.set_name(builder_.fresh_node("dse:" + std::string(op_type)));
  for (const std::string& name : inputs) node.add_input(name);
  for (const std::string& name : outputs) node.add_output(name);
  return node;
}

void NodeWriter::same() {
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < facts_.inputs.size(); ++i) inputs.push_back(input(i));
  onnx::NodeProto& node = copy();
  for (const std::string& name : inputs) node.add_input(name);
  for (std::size_t i = 0; i < facts_.outputs.size(); ++i) node.add_output(output_name(i));
}

std::string NodeWriter::fresh() { return builder_.fresh_value(); }

std::string NodeWriter::integers(const std::vector<std::int64_t>& values) { return builder_.integers(values); }

std::string NodeWriter::like(const TensorType& tensor, std::string bytes) {
  return widened(builder_.constant(tensor, std::move(bytes)), tensor.type);
}

std::string NodeWriter::slice(const std::string& value, const Box& held, const Box& wanted) {
  return builder_.slice(value, held, wanted);
}

void NodeWriter::slice(const std::string& value, const Box& held, const Box& wanted, const std::string& result) {
  if (slice(value, held, wanted) == value)
    add("Identity", {value}, {result});
  else
    builder_.graph().mutable_node()->rbegin()->set_output(0, result);
}

std::string NodeWriter::concat(const std::vector<std::string>& values, std::int64_t axis) {
  if (values.size() == 1) return values.front();
  std::string result = fresh();
  concat(values, axis, result);
  return result;
}

void NodeWriter::concat(const std::vector<std::string>& values, std::int64_t axis, const std::string& result) {
  if (values.size() == 1)
    add("Identity", values, {result});
  else
    set_int(add("Concat", values, {result}), "axis", axis);
}

void remove_attribute(onnx::NodeProto& node, std::string_view name) {
  for (int i = node.attribute_size(); i-- > 0;)
    if (node.attribute(i).name() == name) node.mutable_attribute()->DeleteSubrange(i, 1);
}

void set_int(onnx::NodeProto& node, std::string_view name, std::int64_t value) {
  remove_attribute(node, name);
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(name));
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
}

void set_ints(onnx::NodeProto& node, std::string_view name, const std::vector<std::int64_t>& values) {
  remove_attribute(node, name);
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(name));
  attribute.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

}  // namespace dse::rules
