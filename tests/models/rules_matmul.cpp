// MatMul in parts: batches broadcast either way, rows, columns, the summed axis.
#include "tests/models/rule_check.hpp"

namespace dse {
namespace {

void check(const char* name, const Shape& a, const Shape& b, std::int64_t opset = 13, test::Expected expected = {}) {
  test::OnnxBuild build(opset);
  build.input("a", a).input("b", b).output("y");
  build.node("MatMul", {"a", "b"}, {"y"}, "product");
  test::check_rule(name, build, expected);
}

void check_weight(const char* name, const Shape& a, const Shape& b, test::Expected expected) {
  test::OnnxBuild build;
  build.input("a", a).weight("w", b).weight("bias", {b.back()}).output("y");
  build.node("MatMul", {"a", "w"}, {"m"}, "product");
  build.node("Add", {"m", "bias"}, {"y"}, "add");
  test::check_rule(name, build, expected);
}

}  // namespace

TEST_CASE("parts of MatMul equal the parts of the whole") {
  check("matrices", {5, 7}, {7, 9});
  check("opset 9", {5, 7}, {7, 9}, 9);
  check("batches", {3, 5, 7}, {3, 7, 9});
  check("first batch broadcast", {1, 5, 7}, {3, 7, 9});
  check("second batch broadcast", {3, 5, 7}, {1, 7, 9});
  check("both batches broadcast", {2, 1, 5, 7}, {1, 3, 7, 4});
  check("fewer axes first", {5, 7}, {2, 3, 7, 4});
  check("fewer axes second", {2, 3, 5, 7}, {3, 7, 4});
  check("matrix second", {2, 3, 5, 7}, {7, 4});
  check("one row", {2, 1, 7}, {2, 7, 4});
  check("one column", {2, 5, 7}, {2, 7, 1});
  check("outer product", {2, 5, 1}, {2, 1, 6});
}

TEST_CASE("parts of MatMul with weights equal the parts of the whole") {
  check_weight("matrix", {5, 7}, {7, 9}, test::summed);
  check_weight("batches of one matrix", {2, 3, 5, 8}, {8, 6}, test::summed);
  check_weight("one feature summed", {5, 1}, {1, 6}, {});
  check_weight("batch of weights", {2, 5, 8}, {2, 8, 6}, {});
  check_weight("weights broadcast over batches", {2, 5, 8}, {1, 8, 6}, {});
}

TEST_CASE("MatMul of vectors is computed whole") {
  check("row", {7}, {7, 9}, 13, test::whole);
  check("column", {5, 7}, {7}, 13, test::whole);
}

TEST_CASE("Microsoft's fused products are computed whole") {
  test::OnnxBuild build;
  onnx::OperatorSetIdProto& import = *build.model().add_opset_import();
  import.set_domain("com.microsoft");
  import.set_version(1);
  build.input("a", {5, 7}).weight("w", {7, 9}).output("y");
  build.node("FusedMatMul", {"a", "w"}, {"y"}, "product").set_domain("com.microsoft");
  test::check_rule("fused", build, test::whole);
}

}  // namespace dse
