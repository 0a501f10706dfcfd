// Softmax, LogSoftmax and Hardmax in parts: one axis, or the two-dimensional form before operator set 13.
#include "tests/models/rules/rule_check.hpp"

namespace dse {
namespace {

void check(test::RuleChecks& checks, const char* op_type, const Shape& input, std::int64_t opset,
           std::vector<std::int64_t> axis) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  onnx::NodeProto& node = build.node(op_type, {"x"}, {"y"}, "soft");
  for (const std::int64_t value : axis) build.integer(node, "axis", value);
  checks.add(std::string(op_type) + " " + to_string(input) + " opset " + std::to_string(opset), build);
}

}  // namespace

TEST_CASE("parts of softmax operators equal the parts of the whole") {
  test::RuleChecks checks;
  for (const char* op_type : {"Softmax", "LogSoftmax", "Hardmax"}) {
    for (const std::int64_t opset : {7, 11, 13}) {
      check(checks, op_type, {3, 7}, opset, {});
      check(checks, op_type, {2, 5, 3, 4}, opset, {});
      check(checks, op_type, {2, 5, 3, 4}, opset, {2});
      check(checks, op_type, {2, 5, 3}, opset, {0});
    }
    for (const std::int64_t opset : {11, 12, 13}) check(checks, op_type, {2, 5, 3, 4}, opset, {-2});
    check(checks, op_type, {9}, 13, {});
  }
}

}  // namespace dse
