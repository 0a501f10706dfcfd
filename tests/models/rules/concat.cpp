// Concat in parts: any axis, inputs of different extents, weights among them.
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

test::OnnxBuild joined(std::int64_t opset, const std::vector<Shape>& shapes, std::int64_t axis) {
  test::OnnxBuild build(opset);
  std::vector<std::string> names;
  for (const Shape& shape : shapes) {
    names.push_back("x" + std::to_string(names.size()));
    build.input(names.back(), shape);
  }
  build.integer(build.node("Concat", names, {"y"}, "join"), "axis", axis);
  build.output("y");
  return build;
}

}  // namespace

TEST_CASE("parts of concatenations equal the parts of the whole") {
  test::check_moved("channels", joined(13, {{1, 3, 5, 6}, {1, 1, 5, 6}, {1, 4, 5, 6}}, 1));
  test::check_moved("batch", joined(11, {{2, 3, 4}, {1, 3, 4}}, 0));
  test::check_moved("columns", joined(13, {{1, 2, 3, 7}, {1, 2, 3, 2}, {1, 2, 3, 1}, {1, 2, 3, 5}}, -1));
  test::check_moved("vectors", joined(9, {{5}, {1}, {3}}, 0));
  test::check_moved("only one", joined(13, {{2, 5}}, 1));
  test::check_moved("five axes", joined(8, {{1, 2, 3, 2, 3}, {1, 2, 4, 2, 3}}, 2));
}

TEST_CASE("parts of concatenations with weights and repeated inputs equal the parts of the whole") {
  test::OnnxBuild weights;
  weights.input("x", {1, 3, 7, 9}).weight("w", {1, 2, 7, 9}).weight("v", {1, 5, 7, 9}).output("y");
  weights.integer(weights.node("Concat", {"w", "x", "v"}, {"c"}, "join"), "axis", 1);
  weights.node("Relu", {"c"}, {"y"}, "act");
  test::check_moved("weights", weights);

  test::OnnxBuild twice;
  twice.input("x", {1, 3, 7}).output("y");
  twice.integer(twice.node("Concat", {"x", "x"}, {"y"}, "join"), "axis", 2);
  test::check_moved("twice", twice);

  test::OnnxBuild constant;
  constant.input("x", {1, 3, 7}).weight("w", {1, 3, 7}).output("y");
  constant.integer(constant.node("Concat", {"w", "x", "w"}, {"y"}, "join"), "axis", 2);
  test::check_moved("a weight twice", constant, 1);
}

}  // namespace dse
