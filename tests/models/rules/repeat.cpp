// Expand and Tile in parts.
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

test::OnnxBuild repeated(const char* op_type, std::int64_t opset, const Shape& input,
                         const std::vector<std::int64_t>& parameter) {
  test::OnnxBuild build(opset);
  build.input("x", input).output("y").values("parameter", parameter);
  build.node(op_type, {"x", "parameter"}, {"y"}, "repeat");
  return build;
}

}  // namespace

TEST_CASE("parts of expanded tensors equal the parts of the whole") {
  test::check_moved("gate", repeated("Expand", 13, {1, 6, 1, 1}, {1, 6, 5, 7}));
  test::check_moved("more axes", repeated("Expand", 8, {4, 1}, {2, 3, 1, 5}));
  test::check_moved("fewer axes", repeated("Expand", 13, {2, 1, 4}, {3, 1}));
  test::check_moved("nothing", repeated("Expand", 13, {2, 3, 4}, {1}));
}

TEST_CASE("parts of tiled tensors equal the parts of the whole") {
  test::check_moved("periods", repeated("Tile", 13, {1, 3, 4}, {1, 2, 3}));
  test::check_moved("batch", repeated("Tile", 6, {1, 3, 4}, {5, 1, 1}));
  test::check_moved("nothing", repeated("Tile", 13, {2, 3}, {1, 1}));
  test::check_moved("all", repeated("Tile", 9, {2, 3, 1, 2}, {2, 3, 4, 2}));
  test::OnnxBuild weight;
  weight.input("x", {1, 6, 4}).weight("w", {1, 3, 4}).values("repeats", {1, 2, 1}).output("y");
  weight.node("Tile", {"w", "repeats"}, {"t"}, "tile");
  weight.node("Mul", {"x", "t"}, {"y"}, "scale");
  test::check_moved("weight", weight);
}

}  // namespace dse
