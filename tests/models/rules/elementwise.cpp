// Element-wise operators in parts: broadcasting of operands, old attribute forms.
#include "tests/models/rules/rule_check.hpp"

namespace dse {
namespace {

const Shape shape{2, 5, 7, 6};

void check_operands(test::RuleChecks& checks, const char* op_type, std::int64_t opset,
                    const std::vector<Shape>& operands, DataType type, DataType result) {
  test::OnnxBuild build(opset);
  std::vector<std::string> names;
  for (const Shape& operand : operands) {
    names.push_back("x" + std::to_string(names.size()));
    const bool condition = std::string_view(op_type) == "Where" && names.size() == 1;
    build.input(names.back(), operand, condition ? DataType::boolean : type);
  }
  build.output("y", {}, result);
  build.node(op_type, names, {"y"}, "op");
  checks.add(std::string(op_type) + " " + to_string(operands.back()), build);
}

}  // namespace

TEST_CASE("parts of PRelu equal the parts of the whole, whatever the slope's shape") {
  test::RuleChecks checks;
  for (const std::int64_t opset : {7, 9, 16})
    for (const Shape& slope : {shape, Shape{5, 1, 1}, Shape{1}, Shape{6}, Shape{1, 5, 1, 1}, Shape{2, 1, 7, 1}}) {
      test::OnnxBuild build(opset);
      build.input("x", shape).weight("slope", slope).output("y");
      build.node("PRelu", {"x", "slope"}, {"y"}, "op");
      checks.add("slope " + to_string(slope), build);
    }
}

TEST_CASE("parts of Clip equal the parts of the whole, bounds as attributes, inputs or absent") {
  test::RuleChecks checks;
  test::OnnxBuild old(7);
  old.input("x", shape).output("y");
  onnx::NodeProto& node = old.node("Clip", {"x"}, {"y"}, "op");
  old.real(node, "min", -0.25F);
  old.real(node, "max", 0.5F);
  checks.add("attributes", old);
  for (const std::vector<std::string>& bounds :
       {std::vector<std::string>{"x"}, {"x", "lo"}, {"x", "", "hi"}, {"x", "lo", "hi"}}) {
    test::OnnxBuild build(13);
    build.input("x", shape).weight("lo", {}, 0.2F).weight("hi", {}, 0.3F).output("y");
    build.node("Clip", bounds, {"y"}, "op");
    checks.add("inputs", build);
  }
}

TEST_CASE("parts of bitwise and choosing operators equal the parts of the whole") {
  test::RuleChecks checks;
  const std::vector<std::vector<Shape>> pairs{{shape, shape}, {shape, {5, 1, 1}}, {{1, 7, 1}, shape}};
  for (const auto& operands : pairs) {
    for (const char* op : {"BitwiseAnd", "BitwiseOr", "BitwiseXor"})
      check_operands(checks, op, 18, operands, DataType::int32, DataType::int32);
    check_operands(checks, "Where", 16, {operands[0], operands[1], {2, 1, 1, 6}}, DataType::float32, DataType::float32);
  }
  check_operands(checks, "BitwiseNot", 18, {shape}, DataType::uint8, DataType::uint8);
  check_operands(checks, "Where", 9, {{1}, shape, {6}}, DataType::float32, DataType::float32);
}

TEST_CASE("parts of CastLike equal the parts of the whole") {
  test::RuleChecks checks;
  for (const Shape& like : {Shape{1}, shape}) {
    test::OnnxBuild build(15);
    build.input("x", shape).input("t", like, DataType::int32).output("y", {}, DataType::int32);
    build.node("CastLike", {"x", "t"}, {"y"}, "op");
    checks.add("like " + to_string(like), build);
  }
}

TEST_CASE("parts of ImageScaler equal the parts of the whole") {
  test::RuleChecks checks;
  test::OnnxBuild build(8);
  build.input("x", {2, 3, 7, 6}).output("y");
  onnx::NodeProto& node = build.node("ImageScaler", {"x"}, {"y"}, "op");
  build.real(node, "scale", 0.5F);
  onnx::AttributeProto& bias = *node.add_attribute();
  bias.set_name("bias");
  bias.set_type(onnx::AttributeProto::FLOATS);
  for (const float value : {0.25F, -1.0F, 2.0F}) bias.add_floats(value);
  checks.add("image scaler", build);
}

}  // namespace dse
