// Reshape, Flatten, Squeeze and Unsqueeze in parts: folded, unfolded and regrouped axes, axes of extent 1.
#include "models/rules/needs.hpp"
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

test::OnnxBuild reshaped(std::int64_t opset, const Shape& input, const std::vector<std::int64_t>& target) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  if (opset >= 5) {
    build.values("shape", target).node("Reshape", {"x", "shape"}, {"y"}, "reshape");
  } else {
    build.ints(build.node("Reshape", {"x"}, {"y"}, "reshape"), "shape", target);
  }
  return build;
}

test::OnnxBuild with_axes(const char* op_type, std::int64_t opset, const Shape& input,
                          const std::vector<std::int64_t>& axes) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  std::vector<std::string> inputs{"x"};
  if (opset >= 13 && !axes.empty()) {
    build.values("axes", axes);
    inputs.emplace_back("axes");
  }
  onnx::NodeProto& node = build.node(op_type, inputs, {"y"}, "axes");
  if (opset < 13 && !axes.empty()) build.ints(node, "axes", axes);
  return build;
}

test::OnnxBuild flattened(std::int64_t opset, const Shape& input, std::int64_t axis) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y");
  build.integer(build.node("Flatten", {"x"}, {"y"}, "flatten"), "axis", axis);
  return build;
}

}  // namespace

TEST_CASE("parts of reshaped tensors equal the parts of the whole") {
  test::check_moved("groups", reshaped(13, {1, 12, 5, 4}, {0, 3, 4, 5, 4}));
  test::check_moved("groups back", reshaped(13, {1, 3, 4, 5, 4}, {0, -1, 5, 4}));
  test::check_moved("rows of pixels", reshaped(5, {2, 6, 5, 4}, {0, 0, -1}));
  test::check_moved("pixels to rows", reshaped(9, {2, 6, 20}, {2, 6, 5, 4}));
  test::check_moved("fold the batch", reshaped(13, {2, 12, 5}, {6, 4, 5}));
  test::check_moved("many to many", reshaped(13, {4, 6, 5}, {8, 3, 5}));
  test::check_moved("coprime", reshaped(13, {4, 9}, {6, 6}));
  test::check_moved("three to two", reshaped(13, {4, 6, 10}, {15, 16}));
  test::check_moved("ones", reshaped(13, {1, 6, 1, 4, 1}, {6, 1, 1, 4}));
  test::check_moved("more ones", reshaped(13, {6, 4}, {1, 1, 3, 1, 2, 4, 1, 1}));
  test::check_moved("to a vector", reshaped(13, {3, 4, 5}, {-1}));
  test::check_moved("from a vector", reshaped(13, {60}, {3, 4, 5}));
  test::check_moved("same", reshaped(13, {3, 4, 5}, {0, 0, 0}));
  test::check_moved("blocks", reshaped(13, {1, 3, 8, 6}, {1, 3, 4, 2, 3, 2}));
  test::check_moved("attribute", reshaped(1, {2, 6, 5, 4}, {0, -1, 4}));
  test::OnnxBuild zeros(14);
  zeros.input("x", {2, 6}).values("shape", {3, 4}).output("y");
  zeros.integer(zeros.node("Reshape", {"x", "shape"}, {"y"}, "reshape"), "allowzero", 1);
  test::check_moved("allowzero", zeros);
}

TEST_CASE("parts of flattened tensors equal the parts of the whole") {
  test::check_moved("flat", flattened(13, {1, 6, 3, 4}, 1));
  test::check_moved("flat batch", flattened(9, {3, 6, 4}, 2));
  test::check_moved("flat from the end", flattened(13, {3, 6, 4}, -1));
  test::check_moved("flat altogether", flattened(13, {3, 6, 4}, 0));
  test::check_moved("flat to a column", flattened(11, {3, 1, 4}, 3));
  test::check_moved("flat already", flattened(1, {1, 60}, 1));
}

TEST_CASE("parts of squeezed and unsqueezed tensors equal the parts of the whole") {
  test::check_moved("pooled", with_axes("Squeeze", 13, {1, 8, 1, 1}, {2, 3}));
  test::check_moved("pooled, attribute", with_axes("Squeeze", 11, {1, 8, 1, 1}, {-1, 2}));
  test::check_moved("all ones", with_axes("Squeeze", 13, {1, 8, 1, 5}, {}));
  test::check_moved("all ones, attribute", with_axes("Squeeze", 4, {1, 8, 1, 5}, {}));
  test::check_moved("to a scalar", with_axes("Squeeze", 13, {1, 1}, {}));
  test::check_moved("spread", with_axes("Unsqueeze", 13, {6, 5}, {0, 2, -1}));
  test::check_moved("spread, attribute", with_axes("Unsqueeze", 9, {6, 5}, {1, 3}));
}

TEST_CASE("a channel shuffle's parts equal the parts of the whole") {
  test::OnnxBuild build;
  build.input("x", {1, 12, 6, 5}).values("apart", {1, 3, 4, 6, 5}).values("back", {1, 12, 6, 5}).output("y");
  build.node("Reshape", {"x", "apart"}, {"a"}, "apart");
  build.ints(build.node("Transpose", {"a"}, {"b"}, "swap"), "perm", {0, 2, 1, 3, 4});
  build.node("Reshape", {"b", "back"}, {"c"}, "back");
  build.node("Relu", {"c"}, {"y"}, "act");
  test::check_moved("shuffle", build);
}

TEST_CASE("a reshaped part reads no more than it must") {
  const test::SmallNetwork split("split", reshaped(13, {1, 12, 5, 4}, {0, 3, 4, 5, 4}).serialised());
  const RuleResult inside = needs(*split, 0, {Region(Box{{0, 1, 1, 2, 0}, {1, 2, 3, 4, 4}})});
  CHECK(inside.inputs[0] == Region(Box{{0, 5, 2, 0}, {1, 7, 4, 4}}));
  CHECK(inside.computed[0] == Region(Box{{0, 1, 1, 2, 0}, {1, 2, 3, 4, 4}}));
  const RuleResult across = needs(*split, 0, {Region(Box{{0, 1, 1, 2, 0}, {1, 3, 2, 4, 4}})});
  CHECK(across.inputs[0] == Region(Box{{0, 4, 2, 0}, {1, 12, 4, 4}}));
  CHECK(across.computed[0] == Region(Box{{0, 1, 0, 2, 0}, {1, 3, 4, 4, 4}}));

  const test::SmallNetwork flat("flat", flattened(13, {1, 6, 3, 4}, 1).serialised());
  const RuleResult channels = needs(*flat, 0, {Region(Box{{0, 13}, {1, 30}})});
  CHECK(channels.inputs[0] == Region(Box{{0, 1, 0, 0}, {1, 3, 3, 4}}));
  CHECK(channels.computed[0] == Region(Box{{0, 12}, {1, 36}}));
}

TEST_CASE("a reshape to a shape that is no constant is computed whole") {
  test::OnnxBuild build;
  build.input("x", {3, 4}).input("n", {1}, DataType::int64).values("minus", {-1}).values("zero", {0}).output("y");
  build.node("Mul", {"n", "zero"}, {"none"}, "none");
  build.node("Add", {"none", "minus"}, {"shape"}, "shape");
  build.node("Reshape", {"x", "shape"}, {"y"}, "reshape");
  test::check_moved("computed shape", build, 1);
}

}  // namespace dse
