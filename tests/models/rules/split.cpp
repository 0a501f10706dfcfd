// Split in parts: sizes as attribute, as input, and left to the operator; any of the outputs asked for.
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

struct SplitCase {
  const char* name;
  std::int64_t opset;
  Shape input;
  std::int64_t axis;
  std::vector<std::int64_t> sizes;  // empty: equal ones
  std::size_t outputs;
};

void check(const SplitCase& c) {
  test::OnnxBuild build(c.opset);
  build.input("x", c.input);
  std::vector<std::string> outputs, inputs{"x"};
  for (std::size_t i = 0; i < c.outputs; ++i) outputs.push_back("y" + std::to_string(i));
  if (c.opset >= 13 && !c.sizes.empty()) {
    build.values("sizes", c.sizes);
    inputs.push_back("sizes");
  }
  onnx::NodeProto& node = build.node("Split", inputs, outputs, "split");
  build.integer(node, "axis", c.axis);
  if (c.opset < 13 && !c.sizes.empty()) build.ints(node, "split", c.sizes);
  if (c.opset >= 18 && c.sizes.empty()) build.integer(node, "num_outputs", static_cast<std::int64_t>(c.outputs));
  for (const std::string& output : outputs) build.output(output);
  test::check_moved(c.name, build);
}

}  // namespace

TEST_CASE("parts of splits equal the parts of the whole") {
  check({"attribute", 7, {1, 9, 5, 4}, 1, {2, 4, 3}, 3});
  check({"equal", 9, {2, 8, 5}, 1, {}, 4});
  check({"from the end", 11, {2, 3, 7}, -1, {1, 6}, 2});
  check({"input", 13, {1, 9, 5, 4}, 1, {5, 3, 1}, 3});
  check({"equal input", 13, {6, 3, 2}, 0, {}, 2});
  check({"uneven", 18, {1, 7, 5}, 1, {}, 3});
  check({"one output", 13, {1, 4, 5}, 1, {4}, 1});
  check({"vector", 13, {11}, 0, {4, 7}, 2});
}

TEST_CASE("a split and the concatenation of its outputs equal the parts of the whole") {
  test::OnnxBuild build;
  build.input("x", {1, 10, 6, 6}).output("y");
  build.integer(build.node("Split", {"x"}, {"a", "b"}, "split"), "axis", 1);
  build.node("Relu", {"a"}, {"c"}, "act");
  build.integer(build.node("Concat", {"b", "c"}, {"y"}, "join"), "axis", 1);
  test::check_moved("split and join", build);
}

TEST_CASE("parts of a split of bytes equal the parts of the whole") {
  test::OnnxBuild build;
  build.input("x", {1, 9, 5}, DataType::uint8).output("a", {}, DataType::uint8).output("b", {}, DataType::uint8);
  build.values("sizes", {4, 5});
  build.integer(build.node("Split", {"x", "sizes"}, {"a", "b"}, "split"), "axis", 1);
  test::check_moved("bytes", build);
}

}  // namespace dse
