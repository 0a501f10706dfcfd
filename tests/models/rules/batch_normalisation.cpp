// Normalisations in parts.
#include "tests/models/rules/rule_check.hpp"

namespace dse {
namespace {

std::int64_t elements(const Shape& shape) { return element_count(shape).value_or(0); }

void variance(test::OnnxBuild& build, const std::string& name, const Shape& shape) {
  onnx::TensorProto& tensor = *build.graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : shape) tensor.add_dims(extent);
  for (std::int64_t i = 0; i < elements(shape); ++i) tensor.add_float_data(0.5F + 0.125F * static_cast<float>(i));
}

void check_batch(test::RuleChecks& checks, const Shape& input, std::int64_t opset, std::int64_t spatial = -1,
                 test::Expected expected = {}) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y").weight("s", {input[1]}).weight("b", {input[1]}).weight("m", {input[1]});
  variance(build, "v", {input[1]});
  onnx::NodeProto& node = build.node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"n"}, "norm");
  build.real(node, "epsilon", 0.01F);
  if (spatial >= 0) build.integer(node, "spatial", spatial);
  build.node("Relu", {"n"}, {"y"}, "relu");
  checks.add("batch " + to_string(input) + " opset " + std::to_string(opset), build, expected);
}

void check_instance(test::RuleChecks& checks, const Shape& input, std::int64_t opset) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y").weight("s", {input[1]}).weight("b", {input[1]});
  build.node("InstanceNormalization", {"x", "s", "b"}, {"y"}, "norm");
  checks.add("instance " + to_string(input) + " opset " + std::to_string(opset), build);
}

void check_group(test::RuleChecks& checks, const Shape& input, std::int64_t groups, std::int64_t opset) {
  test::OnnxBuild build(opset);
  const Shape parameters{opset >= 21 ? input[1] : groups};
  build.input("x", input).output("y").weight("s", parameters).weight("b", parameters);
  build.integer(build.node("GroupNormalization", {"x", "s", "b"}, {"y"}, "norm"), "num_groups", groups);
  checks.add("group " + to_string(input) + " opset " + std::to_string(opset), build);
}

void check_layer(test::RuleChecks& checks, const Shape& input, std::int64_t axis, bool bias = true,
                 test::Expected expected = {}, const Shape& parameters = {}) {
  test::OnnxBuild build(17);
  const auto first = static_cast<std::ptrdiff_t>(axis < 0 ? axis + static_cast<std::int64_t>(input.size()) : axis);
  const Shape shape = parameters.empty() ? Shape(input.begin() + first, input.end()) : parameters;
  build.input("x", input).output("y").weight("s", shape);
  std::vector<std::string> inputs{"x", "s"};
  if (bias) {
    build.weight("b", shape);
    inputs.emplace_back("b");
  }
  build.integer(build.node("LayerNormalization", inputs, {"y"}, "norm"), "axis", axis);
  checks.add("layer " + to_string(input) + " axis " + std::to_string(axis), build, expected);
}

void check_lp(test::RuleChecks& checks, const Shape& input, std::int64_t axis, std::int64_t p,
              std::int64_t opset = 13) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  onnx::NodeProto& node = build.node("LpNormalization", {"x"}, {"y"}, "norm");
  build.integer(node, "axis", axis);
  build.integer(node, "p", p);
  checks.add("lp " + to_string(input) + " axis " + std::to_string(axis), build);
}

void check_mean_variance(test::RuleChecks& checks, const Shape& input, const std::vector<std::int64_t>& axes,
                         std::int64_t opset) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  onnx::NodeProto& node = build.node("MeanVarianceNormalization", {"x"}, {"y"}, "norm");
  if (!axes.empty()) build.ints(node, "axes", axes);
  checks.add("mean variance " + to_string(input) + " opset " + std::to_string(opset), build);
}

}  // namespace

TEST_CASE("parts of BatchNormalization equal the parts of the whole") {
  test::RuleChecks checks;
  for (const std::int64_t opset : {7, 9, 14, 15}) check_batch(checks, {2, 5, 7, 6}, opset);
  check_batch(checks, {3, 7}, 13);
  check_batch(checks, {1, 5, 9}, 15);
  check_batch(checks, {1, 4, 3, 5, 4}, 15);
  check_batch(checks, {2, 1, 4, 5}, 15);
  check_batch(checks, {2, 5, 7, 6}, 7, 1);
}

TEST_CASE("parts of InstanceNormalization equal the parts of the whole") {
  test::RuleChecks checks;
  check_instance(checks, {2, 5, 7, 6}, 6);
  check_instance(checks, {2, 5, 9}, 13);
  check_instance(checks, {1, 4, 3, 5, 4}, 22);
}

TEST_CASE("parts of GroupNormalization equal the parts of the whole") {
  test::RuleChecks checks;
  for (const std::int64_t opset : {18, 21}) {
    check_group(checks, {2, 12, 5, 4}, 4, opset);
    check_group(checks, {1, 6, 7}, 1, opset);
    check_group(checks, {1, 6, 7}, 6, opset);
    check_group(checks, {1, 6, 3, 2, 4}, 3, opset);
  }
}

TEST_CASE("parts of LayerNormalization equal the parts of the whole") {
  test::RuleChecks checks;
  check_layer(checks, {2, 5, 8}, -1);
  check_layer(checks, {2, 5, 8}, 1);
  check_layer(checks, {2, 5, 8}, 0);
  check_layer(checks, {2, 5, 3, 4}, -2, false);
  check_layer(checks, {7, 4}, 1);
}

TEST_CASE("LayerNormalization with parameters that are broadcast is computed whole") {
  test::RuleChecks checks;
  check_layer(checks, {2, 5, 8}, 1, true, test::whole, {8});
}

TEST_CASE("LayerNormalization with statistics as results is computed whole") {
  test::RuleChecks checks;
  test::OnnxBuild build(17);
  build.input("x", {2, 5, 8}).output("y").output("mean").weight("s", {8});
  build.node("LayerNormalization", {"x", "s"}, {"y", "mean"}, "norm");
  checks.add("statistics", build, test::whole);
}

TEST_CASE("parts of LpNormalization equal the parts of the whole") {
  test::RuleChecks checks;
  check_lp(checks, {2, 5, 7, 6}, 1, 2);
  check_lp(checks, {2, 5, 7, 6}, -1, 1);
  check_lp(checks, {6, 4}, 0, 2, 9);
  check_lp(checks, {9}, 0, 2);
}

TEST_CASE("parts of MeanVarianceNormalization equal the parts of the whole") {
  test::RuleChecks checks;
  for (const std::int64_t opset : {9, 13}) {
    check_mean_variance(checks, {2, 5, 7, 6}, {}, opset);
    check_mean_variance(checks, {2, 5, 7, 6}, {0, 2, 3}, opset);
    check_mean_variance(checks, {2, 5, 7, 6}, {0, 1, 2, 3}, opset);
    check_mean_variance(checks, {2, 5, 7, 6}, {-1, 1}, opset);
    check_mean_variance(checks, {2, 5, 7}, {0, 2}, opset);
  }
}

}  // namespace dse
