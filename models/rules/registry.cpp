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
};

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
    {"BitShift", make_elementwise},
    {"Cast", make_elementwise},
    {"Ceil", make_elementwise},
    {"Celu", make_elementwise},
    {"Clip", make_elementwise},
    {"Conv", make_convolution},
    {"ConvTranspose", make_transposed_convolution},
    {"Cos", make_elementwise},
    {"Cosh", make_elementwise},
    {"CumSum", make_cumulative_sum},
    {"Div", make_elementwise},
    {"Dropout", make_elementwise},
    {"Elu", make_elementwise},
    {"Equal", make_elementwise},
    {"Erf", make_elementwise},
    {"Exp", make_elementwise},
    {"Floor", make_elementwise},
    {"Gelu", make_elementwise},
    {"GlobalAveragePool", make_global_pool},
    {"GlobalLpPool", make_global_pool},
    {"GlobalMaxPool", make_global_pool},
    {"Greater", make_elementwise},
    {"GreaterOrEqual", make_elementwise},
    {"HardSigmoid", make_elementwise},
    {"HardSwish", make_elementwise},
    {"Identity", make_elementwise},
    {"IsInf", make_elementwise},
    {"IsNaN", make_elementwise},
    {"LeakyRelu", make_elementwise},
    {"Less", make_elementwise},
    {"LessOrEqual", make_elementwise},
    {"Log", make_elementwise},
    {"LpPool", make_pool},
    {"Max", make_elementwise},
    {"MaxPool", make_pool},
    {"Mean", make_elementwise},
    {"Min", make_elementwise},
    {"Mish", make_elementwise},
    {"Mod", make_elementwise},
    {"Mul", make_elementwise},
    {"Neg", make_elementwise},
    {"Not", make_elementwise},
    {"Or", make_elementwise},
    {"PRelu", make_elementwise},
    {"Pow", make_elementwise},
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
    {"Resize", make_resize},
    {"Round", make_elementwise},
    {"Selu", make_elementwise},
    {"Shrink", make_elementwise},
    {"Sigmoid", make_elementwise},
    {"Sign", make_elementwise},
    {"Sin", make_elementwise},
    {"Sinh", make_elementwise},
    {"Softplus", make_elementwise},
    {"Softsign", make_elementwise},
    {"Sqrt", make_elementwise},
    {"Sub", make_elementwise},
    {"Sum", make_elementwise},
    {"Swish", make_elementwise},
    {"Tan", make_elementwise},
    {"Tanh", make_elementwise},
    {"ThresholdedRelu", make_elementwise},
    {"TopK", make_top_k},
    {"Upsample", make_resize},
    {"Where", make_elementwise},
    {"Xor", make_elementwise},
};

}  // namespace

std::unique_ptr<const OperatorRule> make_rule(const NodeFacts& facts) {
  if (!is_default_domain(facts.node->domain())) return nullptr;
  const auto* found = std::find_if(std::begin(registry), std::end(registry),
                                   [&](const Entry& entry) { return entry.op_type == facts.node->op_type(); });
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
