#include <algorithm>
#include <array>

#include "models/rules/rule.hpp"

namespace dse::rules {
namespace {

struct Entry {
  std::string_view op_type;
  Rule rule;
};

// One line an operator; its family's file holds the rule.
constexpr std::array<Entry, 40> registry{{
    {"Abs", elementwise},       {"Add", elementwise},
    {"And", elementwise},       {"Ceil", elementwise},
    {"Celu", elementwise},      {"Clip", elementwise},
    {"Div", elementwise},       {"Dropout", elementwise},
    {"Elu", elementwise},       {"Equal", elementwise},
    {"Erf", elementwise},       {"Exp", elementwise},
    {"Floor", elementwise},     {"Gelu", elementwise},
    {"Greater", elementwise},   {"HardSigmoid", elementwise},
    {"HardSwish", elementwise}, {"Identity", elementwise},
    {"LeakyRelu", elementwise}, {"Less", elementwise},
    {"Log", elementwise},       {"Max", elementwise},
    {"Mean", elementwise},      {"Min", elementwise},
    {"Mish", elementwise},      {"Mul", elementwise},
    {"Neg", elementwise},       {"Or", elementwise},
    {"Pow", elementwise},       {"Reciprocal", elementwise},
    {"Relu", elementwise},      {"Selu", elementwise},
    {"Sigmoid", elementwise},   {"Softplus", elementwise},
    {"Softsign", elementwise},  {"Sqrt", elementwise},
    {"Sub", elementwise},       {"Sum", elementwise},
    {"Tanh", elementwise},      {"ThresholdedRelu", elementwise},
}};

}  // namespace

Rule rule_for(std::string_view domain, std::string_view op_type) {
  if (!domain.empty() && domain != "ai.onnx") return &whole;
  const auto* found =
      std::find_if(registry.begin(), registry.end(), [&](const Entry& entry) { return entry.op_type == op_type; });
  return found == registry.end() ? &whole : found->rule;
}

NodeNeeds whole(const onnx::NodeProto&, const NodeShapes& shapes, const std::vector<Region>&) {
  NodeNeeds result;
  for (const TensorType& tensor : shapes.outputs)
    result.computed.push_back(tensor.type == DataType::undefined ? Region() : Region::whole(tensor.shape));
  for (const TensorType& tensor : shapes.inputs)
    result.inputs.push_back(tensor.type == DataType::undefined ? Region() : Region::whole(tensor.shape));
  return result;
}

}  // namespace dse::rules
