#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "models/layers.hpp"

namespace dse {
namespace {

struct Facts {
  std::string_view op_type;
  OperatorClass op_class;
};

constexpr std::array<Facts, 82> facts{{{"ConvTranspose", OperatorClass::transposed_convolution},
                                       {"Gemm", OperatorClass::gemm},
                                       {"MatMul", OperatorClass::gemm},
                                       {"MatMulInteger", OperatorClass::gemm},
                                       {"QLinearMatMul", OperatorClass::gemm},
                                       {"MaxPool", OperatorClass::pool},
                                       {"AveragePool", OperatorClass::pool},
                                       {"LpPool", OperatorClass::pool},
                                       {"MaxRoiPool", OperatorClass::pool},
                                       {"GlobalAveragePool", OperatorClass::global_pool},
                                       {"GlobalMaxPool", OperatorClass::global_pool},
                                       {"GlobalLpPool", OperatorClass::global_pool},
                                       {"ReduceMean", OperatorClass::global_pool},
                                       {"ReduceSum", OperatorClass::global_pool},
                                       {"ReduceMax", OperatorClass::global_pool},
                                       {"ReduceMin", OperatorClass::global_pool},
                                       {"ReduceL2", OperatorClass::global_pool},
                                       {"BatchNormalization", OperatorClass::normalisation},
                                       {"InstanceNormalization", OperatorClass::normalisation},
                                       {"LayerNormalization", OperatorClass::normalisation},
                                       {"GroupNormalization", OperatorClass::normalisation},
                                       {"LpNormalization", OperatorClass::normalisation},
                                       {"MeanVarianceNormalization", OperatorClass::normalisation},
                                       {"LRN", OperatorClass::normalisation},
                                       {"Softmax", OperatorClass::softmax},
                                       {"LogSoftmax", OperatorClass::softmax},
                                       {"Hardmax", OperatorClass::softmax},
                                       {"Concat", OperatorClass::concat},
                                       {"Reshape", OperatorClass::data_movement},
                                       {"Flatten", OperatorClass::data_movement},
                                       {"Squeeze", OperatorClass::data_movement},
                                       {"Unsqueeze", OperatorClass::data_movement},
                                       {"Transpose", OperatorClass::data_movement},
                                       {"Slice", OperatorClass::data_movement},
                                       {"Split", OperatorClass::data_movement},
                                       {"Pad", OperatorClass::data_movement},
                                       {"Gather", OperatorClass::data_movement},
                                       {"GatherElements", OperatorClass::data_movement},
                                       {"GatherND", OperatorClass::data_movement},
                                       {"ScatterElements", OperatorClass::data_movement},
                                       {"ScatterND", OperatorClass::data_movement},
                                       {"Expand", OperatorClass::data_movement},
                                       {"Tile", OperatorClass::data_movement},
                                       {"DepthToSpace", OperatorClass::data_movement},
                                       {"SpaceToDepth", OperatorClass::data_movement},
                                       {"Crop", OperatorClass::data_movement},
                                       {"Identity", OperatorClass::data_movement},
                                       {"Dropout", OperatorClass::data_movement},
                                       {"Resize", OperatorClass::resize},
                                       {"Upsample", OperatorClass::resize},
                                       {"Relu", OperatorClass::activation},
                                       {"LeakyRelu", OperatorClass::activation},
                                       {"PRelu", OperatorClass::activation},
                                       {"Clip", OperatorClass::activation},
                                       {"Sigmoid", OperatorClass::activation},
                                       {"HardSigmoid", OperatorClass::activation},
                                       {"HardSwish", OperatorClass::activation},
                                       {"Tanh", OperatorClass::activation},
                                       {"Elu", OperatorClass::activation},
                                       {"Selu", OperatorClass::activation},
                                       {"Celu", OperatorClass::activation},
                                       {"Gelu", OperatorClass::activation},
                                       {"Mish", OperatorClass::activation},
                                       {"Swish", OperatorClass::activation},
                                       {"Softplus", OperatorClass::activation},
                                       {"Softsign", OperatorClass::activation},
                                       {"ThresholdedRelu", OperatorClass::activation},
                                       {"Erf", OperatorClass::activation},
                                       {"Exp", OperatorClass::activation},
                                       {"Log", OperatorClass::activation},
                                       {"Sqrt", OperatorClass::activation},
                                       {"QLinearSoftmax", OperatorClass::softmax},
                                       {"QLinearConcat", OperatorClass::concat},
                                       {"QLinearAdd", OperatorClass::elementwise},
                                       {"QLinearMul", OperatorClass::elementwise},
                                       {"QLinearSigmoid", OperatorClass::activation},
                                       {"QLinearLeakyRelu", OperatorClass::activation},
                                       {"QLinearGlobalAveragePool", OperatorClass::global_pool},
                                       {"QLinearAveragePool", OperatorClass::pool},
                                       {"QGemm", OperatorClass::gemm},
                                       {"FusedGemm", OperatorClass::gemm},
                                       {"FusedMatMul", OperatorClass::gemm}}};

const TensorType* type_of(const Draft& draft, const std::string& name) {
  const auto constant = draft.constants.find(name);
  if (constant != draft.constants.end()) return &constant->second.tensor;
  const auto type = draft.types.find(name);
  return type == draft.types.end() ? nullptr : &type->second;
}

const TensorType* input_type(const Draft& draft, const onnx::NodeProto& node, int index) {
  return index < node.input_size() ? type_of(draft, node.input(index)) : nullptr;
}

// Which input holds a convolution's weights; -1: no convolution.
int convolution_weights(const std::string& op_type) {
  if (op_type == "Conv" || op_type == "ConvInteger" || op_type == "FusedConv" || op_type == "ConvTranspose") return 1;
  return op_type == "QLinearConv" ? 3 : -1;
}

std::int64_t multiply(std::int64_t a, std::int64_t b, const Draft& draft, const onnx::NodeProto& node) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    refuse(at_node(draft.path, node, 0), "MODEL-SIZE", "needs more than 2^63 multiplications");
  return product;
}

std::int64_t convolution_macs(const Draft& draft, const onnx::NodeProto& node, int weight_input) {
  const TensorType* input = input_type(draft, node, 0);
  const TensorType* weight = input_type(draft, node, weight_input);
  const TensorType* output = type_of(draft, node.output(0));
  if (input == nullptr || weight == nullptr || output == nullptr || weight->shape.empty() || weight->shape[0] < 1)
    return 0;
  const std::int64_t taps = weight->elements() / weight->shape[0];
  return multiply(node.op_type() == "ConvTranspose" ? input->elements() : output->elements(), taps, draft, node);
}

std::int64_t product_macs(const Draft& draft, const onnx::NodeProto& node) {
  const TensorType* input = input_type(draft, node, 0);
  const TensorType* output = type_of(draft, node.output(0));
  if (input == nullptr || output == nullptr || input->shape.empty()) return 0;
  const bool transposed = (node.op_type() == "Gemm" || node.op_type() == "QGemm" || node.op_type() == "FusedGemm") &&
                          int_attribute(node, "transA", 0) != 0;
  return multiply(output->elements(), transposed ? input->shape.front() : input->shape.back(), draft, node);
}

OperatorClass table_class(const std::string& op_type) {
  const auto* entry =
      std::find_if(facts.begin(), facts.end(), [&](const Facts& candidate) { return candidate.op_type == op_type; });
  return entry == facts.end() ? OperatorClass::other : entry->op_class;
}

}  // namespace

OperatorClass classify(const Draft& draft, const onnx::NodeProto& anchor) {
  const int weights = convolution_weights(anchor.op_type());
  if (weights < 0 || anchor.op_type() == "ConvTranspose") {
    const OperatorClass found = table_class(anchor.op_type());
    return found == OperatorClass::other && is_elementwise(anchor) ? OperatorClass::elementwise : found;
  }
  const TensorType* weight = input_type(draft, anchor, weights);
  const bool depthwise =
      weight != nullptr && weight->shape.size() > 1 && weight->shape[1] == 1 && int_attribute(anchor, "group", 1) > 1;
  return depthwise ? OperatorClass::depthwise_convolution : OperatorClass::convolution;
}

std::int64_t count_macs(const Draft& draft, const onnx::NodeProto& node) {
  const int weights = convolution_weights(node.op_type());
  if (weights >= 0) return convolution_macs(draft, node, weights);
  return table_class(node.op_type()) == OperatorClass::gemm ? product_macs(draft, node) : 0;
}

}  // namespace dse
