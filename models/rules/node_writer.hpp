// What a rule writes its nodes with: names for boxes of inputs, the outputs' boxes, new constants.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/region.hpp"
#include "models/rules/rule.hpp"

namespace dse {
class GraphBuilder;
}

namespace dse::rules {

constexpr std::int64_t oldest_concat = 4;  // opset; the engine has none older

class NodeWriter {
 public:
  // inputs: the names of the node's inputs as the builder knows them ("" where absent); outputs: the names that its
  // results shall get.
  NodeWriter(GraphBuilder& builder, const NodeFacts& facts, const NodeNeeds& needs, std::vector<std::string> inputs,
             std::vector<std::string> outputs);
  // From now on half-precision inputs and constants are read as float32: what is summed up keeps its last bits.
  void widen() { widens_ = true; }

  const NodeFacts& facts() const { return facts_; }
  bool writes(std::size_t output) const { return !needs_.computed[output].empty(); }
  Box output(std::size_t output) const { return needs_.computed[output].bounds(); }
  // The name that the node which makes writer.output(i) gives it; "" where nothing is computed of it.
  std::string output_name(std::size_t output) const;

  bool reads(std::size_t input) const { return input < needs_.inputs.size() && !needs_.inputs[input].empty(); }
  const Boxes& input_boxes(std::size_t input) const { return needs_.inputs[input].boxes(); }
  Box input_box(std::size_t input) const { return needs_.inputs[input].bounds(); }
  // A value that holds exactly the bounding box of what is needed of an input, or another box within what was asked
  // for; "" where nothing is. Weights are cut at build time, activations by a Slice where more than the box is there.
  std::string input(std::size_t input);
  std::string input(std::size_t input, const Box& box);
  // Whether one value holds the whole bounding box, what nobody reads of it included.
  bool holds(std::size_t input) const;
  // A value for each of input_boxes(input), to be joined by concat(): for an operator that leaves out what lies between
  // them.
  std::vector<std::string> pieces(std::size_t input);

  // The node with its attributes, without inputs and outputs, and with a name of its own.
  onnx::NodeProto& copy();
  onnx::NodeProto& add(std::string_view op_type, const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs);
  // The node as it is, on the needed boxes of its inputs, making all outputs. For operators that are the same operator
  // on a part.
  void same();

  std::string fresh();                                            // an unused value name
  std::string integers(const std::vector<std::int64_t>& values);  // an int64 constant of rank 1
  std::string like(const TensorType& tensor, std::string bytes);  // a constant with these bytes
  // The box `wanted` of a value that holds the box `held`, both in the same coordinates.
  std::string slice(const std::string& value, const Box& held, const Box& wanted);
  void slice(const std::string& value, const Box& held, const Box& wanted, const std::string& result);
  std::string concat(const std::vector<std::string>& values, std::int64_t axis);
  void concat(const std::vector<std::string>& values, std::int64_t axis, const std::string& result);

 private:
  std::string widened(const std::string& name, DataType type);

  GraphBuilder& builder_;
  const NodeFacts& facts_;
  const NodeNeeds& needs_;
  std::vector<std::string> inputs_;
  std::vector<std::string> outputs_;
  bool widens_ = false;
};

// Attributes of a node under construction.
void set_int(onnx::NodeProto& node, std::string_view name, std::int64_t value);
void set_ints(onnx::NodeProto& node, std::string_view name, const std::vector<std::int64_t>& values);
void remove_attribute(onnx::NodeProto& node, std::string_view name);

}  // namespace dse::rules
