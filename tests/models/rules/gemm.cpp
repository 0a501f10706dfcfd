// Gemm in parts: rows, output features, input features, every shape of C.
#include "tests/models/rules/rule_check.hpp"

namespace dse {
namespace {

struct GemmCase {
  const char* name;
  Shape a, b;
  std::vector<Shape> c;  // one, or none
  std::int64_t opset = 13;
  bool transposed = false;
  float alpha = 1, beta = 1;
  test::Expected expected = test::summed;
};

void check(test::RuleChecks& checks, const GemmCase& c) {
  test::OnnxBuild build(c.opset);
  build.input("x", c.a).output("y").weight("w", c.b);
  std::vector<std::string> inputs{"x", "w"};
  for (const Shape& shape : c.c) {
    build.weight("c", shape);
    inputs.emplace_back("c");
  }
  onnx::NodeProto& node = build.node("Gemm", inputs, {"g"}, "gemm");
  if (c.transposed) build.integer(node, "transB", 1);
  if (c.alpha != 1) build.real(node, "alpha", c.alpha);
  if (c.beta != 1) build.real(node, "beta", c.beta);
  build.node("Relu", {"g"}, {"y"}, "relu");
  checks.add(c.name, build, c.expected);
}

}  // namespace

TEST_CASE("parts of Gemm equal the parts of the whole") {
  test::RuleChecks checks;
  check(checks, {"features", {5, 7}, {7, 9}, {{9}}});
  check(checks, {"one row", {1, 33}, {33, 10}, {{10}}});
  check(checks, {"one feature", {6, 7}, {7, 1}, {{1}}});
  check(checks, {"transposed", {5, 7}, {9, 7}, {{9}}, 13, true});
  check(checks, {"no addend", {5, 7}, {7, 9}, {}, 11});
  check(checks, {"row of addends", {5, 7}, {9, 7}, {{1, 9}}, 9, true});
  check(checks, {"column of addends", {5, 7}, {7, 9}, {{5, 1}}});
  check(checks, {"all addends", {5, 7}, {7, 9}, {{5, 9}}});
  check(checks, {"one addend", {5, 7}, {7, 9}, {{1}}});
  check(checks, {"scalar addend", {5, 7}, {7, 9}, {{}}});
  check(checks, {"one addend of rank two", {5, 7}, {7, 9}, {{1, 1}}});
  check(checks, {"scaled product", {5, 7}, {9, 7}, {{9}}, 13, true, 0.5F});
  check(checks, {"opset 7", {5, 7}, {9, 7}, {{9}}, 7, true, 0.75F});
  check(checks, {"scaled addend", {5, 7}, {9, 7}, {{9}}, 13, true, 0.5F, 0.25F, {}});
  check(checks, {"addend times nothing", {5, 7}, {9, 7}, {{9}}, 13, true, 1, 0, {}});
}

TEST_CASE("parts of Gemm of activations equal the parts of the whole") {
  test::RuleChecks checks;
  for (const bool transposed : {false, true}) {
    test::OnnxBuild build;
    build.input("a", {5, 6}).input("b", transposed ? Shape{7, 6} : Shape{6, 7}).input("c", {5, 1}).output("y");
    build.integer(build.node("Gemm", {"a", "b", "c"}, {"y"}, "gemm"), "transB", transposed ? 1 : 0);
    checks.add("activations", build);
  }
}

TEST_CASE("a Gemm whose addend is an activation is not split by inputs") {
  test::RuleChecks checks;
  test::OnnxBuild build;
  build.input("a", {5, 6}).input("c", {7}).weight("w", {6, 7}).output("y");
  build.node("Gemm", {"a", "w", "c"}, {"y"}, "gemm");
  checks.add("addend", build);
}

TEST_CASE("a Gemm of a transposed first matrix is computed whole") {
  test::RuleChecks checks;
  test::OnnxBuild build;
  build.input("a", {6, 5}).weight("w", {6, 7}).output("y");
  build.integer(build.node("Gemm", {"a", "w"}, {"y"}, "gemm"), "transA", 1);
  checks.add("transA", build, test::whole);
}

}  // namespace dse
