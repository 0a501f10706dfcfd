// MatMul in parts: batches broadcast either way, rows, columns, the summed axis.
#include "tests/models/rules/rule_check.hpp"

namespace dse {
namespace {

void check(test::RuleChecks& checks, const char* name, const Shape& a, const Shape& b, std::int64_t opset = 13,
           test::Expected expected = {}) {
  test::OnnxBuild build(opset);
  build.input("a", a).input("b", b).output("y");
  build.node("MatMul", {"a", "b"}, {"y"}, "product");
  checks.add(name, build, expected);
}

void check_weight(test::RuleChecks& checks, const char* name, const Shape& a, const Shape& b, test::Expected expected) {
  test::OnnxBuild build;
  build.input("a", a).weight("w", b).weight("bias", {b.back()}).output("y");
  build.node("MatMul", {"a", "w"}, {"m"}, "product");
  build.node("Add", {"m", "bias"}, {"y"}, "add");
  checks.add(name, build, expected);
}

}  // namespace

TEST_CASE("parts of MatMul equal the parts of the whole") {
  test::RuleChecks checks;
  check(checks, "matrices", {5, 7}, {7, 9});
  check(checks, "opset 9", {5, 7}, {7, 9}, 9);
  check(checks, "batches", {3, 5, 7}, {3, 7, 9});
  check(checks, "first batch broadcast", {1, 5, 7}, {3, 7, 9});
  check(checks, "second batch broadcast", {3, 5, 7}, {1, 7, 9});
  check(checks, "both batches broadcast", {2, 1, 5, 7}, {1, 3, 7, 4});
  check(checks, "fewer axes first", {5, 7}, {2, 3, 7, 4});
  check(checks, "fewer axes second", {2, 3, 5, 7}, {3, 7, 4});
  check(checks, "matrix second", {2, 3, 5, 7}, {7, 4});
  check(checks, "one row", {2, 1, 7}, {2, 7, 4});
  check(checks, "one column", {2, 5, 7}, {2, 7, 1});
  check(checks, "outer product", {2, 5, 1}, {2, 1, 6});
}

TEST_CASE("parts of MatMul with weights equal the parts of the whole") {
  test::RuleChecks checks;
  check_weight(checks, "matrix", {5, 7}, {7, 9}, test::summed);
  check_weight(checks, "batches of one matrix", {2, 3, 5, 8}, {8, 6}, test::summed);
  check_weight(checks, "one feature summed", {5, 1}, {1, 6}, {});
  check_weight(checks, "batch of weights", {2, 5, 8}, {2, 8, 6}, {});
  check_weight(checks, "weights broadcast over batches", {2, 5, 8}, {1, 8, 6}, {});
}

TEST_CASE("partial results of whole numbers add up") {
  test::RuleChecks checks;
  test::OnnxBuild build;
  build.input("a", {5, 3}, DataType::int64).values("w", {7, -9, 4, 11, 0, -2}).output("y", {}, DataType::int64);
  build.graph().mutable_initializer(0)->clear_dims();
  for (const std::int64_t extent : {3, 2}) build.graph().mutable_initializer(0)->add_dims(extent);
  build.node("MatMul", {"a", "w"}, {"y"}, "product");
  checks.add("whole numbers", build, test::summed);
}

TEST_CASE("MatMul of vectors is computed whole") {
  test::RuleChecks checks;
  check(checks, "row", {7}, {7, 9}, 13, test::whole);
  check(checks, "column", {5, 7}, {7}, 13, test::whole);
}

TEST_CASE("Microsoft's fused products are computed whole") {
  test::RuleChecks checks;
  test::OnnxBuild build;
  onnx::OperatorSetIdProto& import = *build.model().add_opset_import();
  import.set_domain("com.microsoft");
  import.set_version(1);
  build.input("a", {5, 7}).weight("w", {7, 9}).output("y");
  build.node("FusedMatMul", {"a", "w"}, {"y"}, "product").set_domain("com.microsoft");
  checks.add("fused", build, test::whole);
}

}  // namespace dse
