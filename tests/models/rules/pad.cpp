// Pad in parts: every mode, padding longer than the tensor, and padding that cuts off.
#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

struct PadCase {
  const char* name;
  std::int64_t opset;
  const char* mode;
  Shape input;
  std::vector<std::int64_t> pads;
  std::vector<std::int64_t> axes = {};
  bool value = false;
  std::size_t whole_layers = 0;
};

void check(const PadCase& c) {
  test::OnnxBuild build(c.opset);
  build.input("x", c.input).output("y");
  std::vector<std::string> inputs{"x"};
  if (c.opset >= 11) {
    build.values("pads", c.pads);
    inputs.insert(inputs.end(), {"pads", c.value ? "value" : "", c.axes.empty() ? "" : "axes"});
    if (c.value) build.weight("value", {});
    if (!c.axes.empty()) build.values("axes", c.axes);
    while (inputs.back().empty()) inputs.pop_back();
  }
  onnx::NodeProto& node = build.node("Pad", inputs, {"y"}, "pad");
  if (*c.mode != '\0') build.text(node, "mode", c.mode);
  if (c.opset < 11) {
    build.ints(node, "pads", c.pads);
    if (c.value) build.real(node, "value", 2.5F);
  }
  test::check_moved(c.name, build, c.whole_layers);
}

}  // namespace

TEST_CASE("parts of tensors padded with a constant equal the parts of the whole") {
  check({"default", 13, "", {1, 3, 6, 5}, {0, 0, 2, 1, 0, 0, 1, 3}});
  check({"channels and value", 11, "constant", {2, 3, 5}, {1, 4, 2, 0, 1, 7}, {}, true});
  check({"attribute", 2, "constant", {1, 3, 6, 5}, {0, 1, 2, 1, 0, 0, 1, 3}, {}, true});
  check({"cut off", 13, "constant", {2, 9, 8}, {0, -2, 3, 0, 4, -3}, {}, true});
  check({"cut off by attribute", 9, "constant", {2, 9, 8}, {0, -2, -1, 1, -3, -3}});
  check({"axes", 18, "constant", {2, 9, 8}, {3, 1, 0, 2}, {-1, 1}, true});
  check({"axes without value", 21, "constant", {2, 9, 8}, {3, 2}, {1}});
  check({"vector", 13, "constant", {3}, {6, 5}, {}, true});
  check({"nothing left", 13, "constant", {2, 3}, {0, -3, 0, 4}, {}, true, 1});
}

TEST_CASE("parts of tensors padded with their border equal the parts of the whole") {
  check({"edge", 13, "edge", {1, 3, 6, 5}, {0, 0, 2, 1, 0, 0, 1, 3}});
  check({"edge far", 11, "edge", {2, 3, 2}, {1, 5, 4, 0, 6, 7}});
  check({"edge attribute", 2, "edge", {1, 3, 4}, {0, 2, 1, 1, 0, 3}});
  check({"edge axes", 18, "edge", {2, 9, 8}, {3, 1, 0, 2}, {2, 0}});
  check({"edge cut off", 13, "edge", {1, 3, 6}, {0, 0, -1, 0, 0, 2}, {}, false, 1});
}

TEST_CASE("parts of reflected tensors equal the parts of the whole") {
  check({"reflect", 13, "reflect", {1, 3, 6, 5}, {0, 0, 2, 1, 0, 0, 1, 3}});
  check({"reflect far", 11, "reflect", {1, 4, 7}, {0, 3, 6, 0, 2, 6}});
  check({"reflect attribute", 2, "reflect", {2, 4, 7}, {1, 3, 0, 0, 2, 5}});
  check({"reflect axes", 19, "reflect", {2, 9, 8}, {3, 5, 0, 7}, {1, 2}});
}

TEST_CASE("parts of wrapped tensors equal the parts of the whole") {
  check({"wrap", 19, "wrap", {1, 3, 6, 5}, {0, 0, 2, 1, 0, 0, 1, 3}});
  check({"wrap channels", 21, "wrap", {2, 4, 7}, {1, 2, 3, 1, 4, 0}});
  check({"wrap axes", 19, "wrap", {2, 9, 8}, {3, 5, 0, 7}, {1, 2}});
}

}  // namespace dse
