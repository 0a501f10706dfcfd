#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.hpp"
#include "models/draft.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

struct Entry {
  std::string_view op_type;
  MakeRule make;
  std::string_view domain{};
};

constexpr std::string_view microsoft = "com.microsoft";

// One line an operator; its family's file holds the rule.
constexpr Entry registry[] = {
    {"Abs", make_elementwise},
    {"Acos", make_elementwise},
    {"Acosh", make_elementwise},
    {"Add", make_elementwise},
    {"And", make_elementwise},
    {"ArgMax", make_arg_extreme},
    {"ArgMin", make_arg_extreme},
    {"Asin", make_elementwise},
    {"Asinh", make_elementwise},
    {"Atan", make_elementwise},
    {"Atanh", make_elementwise},
    {"AveragePool", make_pool},
    {"BatchNormalization", make_batch_normalisation},
    {"BitShift", make_elementwise},
    {"BitwiseAnd", make_elementwise},
    {"BitwiseNot", make_elementwise},
    {"BitwiseOr", make_elementwise},
    {"BitwiseXor", make_elementwise},
    {"Cast", make_elementwise},
    {"CastLike", make_elementwise},
    {"Ceil", make_elementwise},
    {"Celu", make_elementwise},
    {"Clip", make_elementwise},
    {"Concat", make_concat},
    {"Conv", make_convolution},
    {"ConvInteger", make_convolution},
    {"ConvTranspose", make_transposed_convolution},
    {"Cos", make_elementwise},
    {"Cosh", make_elementwise},
    {"CumSum", make_cumulative_sum},
    {"DepthToSpace", make_depth_to_space},
    {"DequantizeLinear", make_quantisation, microsoft},
    {"DequantizeLinear", make_quantisation},
    {"Div", make_elementwise},
    {"Dropout", make_elementwise},
    {"Elu", make_elementwise},
    {"Equal", make_elementwise},
    {"Erf", make_elementwise},
    {"Exp", make_elementwise},
    {"Expand", make_expand},
    {"Flatten", make_reshape},
    {"Floor", make_elementwise},
    {"Gather", make_gather},
    {"GatherND", make_gather_nd},
    {"Gelu", make_elementwise},
    {"Gemm", make_gemm},
    {"GlobalAveragePool", make_global_pool},
    {"GlobalLpPool", make_global_pool},
    {"GlobalMaxPool", make_global_pool},
    {"Greater", make_elementwise},
    {"GreaterOrEqual", make_elementwise},
    {"GroupNormalization", make_group_normalisation},
    {"HardSigmoid", make_elementwise},
    {"HardSwish", make_elementwise},
    {"Hardmax", make_softmax},
    {"Identity", make_elementwise},
    {"ImageScaler", make_image_scaler},
    {"InstanceNormalization", make_instance_normalisation},
    {"IsInf", make_elementwise},
    {"IsNaN", make_elementwise},
    {"LRN", make_lrn},
    {"LayerNormalization", make_layer_normalisation},
    {"LeakyRelu", make_elementwise},
    {"Less", make_elementwise},
    {"LessOrEqual", make_elementwise},
    {"Log", make_elementwise},
    {"LogSoftmax", make_softmax},
    {"LpNormalization", make_lp_normalisation},
    {"LpPool", make_pool},
    {"MatMul", make_matmul},
    {"MatMulInteger", make_matmul},
    {"Max", make_elementwise},
    {"MaxPool", make_pool},
    {"Mean", make_elementwise},
    {"MeanVarianceNormalization", make_mean_variance_normalisation},
    {"Min", make_elementwise},
    {"Mish", make_elementwise},
    {"Mod", make_elementwise},
    {"Mul", make_elementwise},
    {"Neg", make_elementwise},
    {"Not", make_elementwise},
    {"Or", make_elementwise},
    {"PRelu", make_elementwise},
    {"Pad", make_pad},
    {"Pow", make_elementwise},
    {"QLinearAdd", make_quantised_binary, microsoft},
    {"QLinearConcat", make_quantised_concat, microsoft},
    {"QLinearConv", make_convolution},
    {"QLinearGlobalAveragePool", make_quantised_global_average, microsoft},
    {"QLinearLeakyRelu", make_quantised_unary, microsoft},
    {"QLinearMatMul", make_matmul},
    {"QLinearMul", make_quantised_binary, microsoft},
    {"QLinearSigmoid", make_quantised_unary, microsoft},
    {"QuantizeLinear", make_quantisation, microsoft},
    {"QuantizeLinear", make_quantisation},
    {"Reciprocal", make_elementwise},
    {"ReduceL1", make_reduction},
    {"ReduceL2", make_reduction},
    {"ReduceLogSum", make_reduction},
    {"ReduceLogSumExp", make_reduction},
    {"ReduceMax", make_reduction},
    {"ReduceMean", make_reduction},
    {"ReduceMin", make_reduction},
    {"ReduceProd", make_reduction},
    {"ReduceSum", make_reduction},
    {"ReduceSumSquare", make_reduction},
    {"Relu", make_elementwise},
    {"Reshape", make_reshape},
    {"Resize", make_resize},
    {"Round", make_elementwise},
    {"Selu", make_elementwise},
    {"Shrink", make_elementwise},
    {"Sigmoid", make_elementwise},
    {"Sign", make_elementwise},
    {"Sin", make_elementwise},
    {"Sinh", make_elementwise},
    {"Slice", make_slice},
    {"Softmax", make_softmax},
    {"Softplus", make_elementwise},
    {"Softsign", make_elementwise},
    {"SpaceToDepth", make_space_to_depth},
    {"Split", make_split},
    {"Sqrt", make_elementwise},
    {"Squeeze", make_reshape},
    {"Sub", make_elementwise},
    {"Sum", make_elementwise},
    {"Swish", make_elementwise},
    {"Tan", make_elementwise},
    {"Tanh", make_elementwise},
    {"ThresholdedRelu", make_elementwise},
    {"Tile", make_tile},
    {"TopK", make_top_k},
    {"Transpose", make_transpose},
    {"Unsqueeze", make_reshape},
    {"Upsample", make_resize},
    {"Where", make_elementwise},
    {"Xor", make_elementwise},
};

}  // namespace

std::unique_ptr<const OperatorRule> make_rule(const NodeFacts& facts) {
  const std::string_view domain = is_default_domain(facts.node->domain()) ? "" : facts.node->domain();
  const auto* found = std::find_if(std::begin(registry), std::end(registry), [&](const Entry& entry) {
    return entry.op_type == facts.node->op_type() && entry.domain == domain;
  });
  return found == std::end(registry) ? nullptr : found->make(facts);
}

std::vector<Region> hulls(const std::vector<Region>& regions) {
  std::vector<Region> result;
  for (const Region& region : regions) result.push_back(region.empty() ? Region() : Region(region.bounds()));
  return result;
}

NodeNeeds OperatorRule::partial_needs(const Region&, Range) const {
  throw Error(ExitCode::internal, "RULE-PARTIAL", "this operator cannot be split by inputs");
}

void OperatorRule::emit_partial(NodeWriter&, Range) const {
  throw Error(ExitCode::internal, "RULE-PARTIAL", "this operator cannot be split by inputs");
}

}  // namespace dse::rules
