// Slice in parts: steps of either sign, bounds beyond the tensor, attributes and inputs.
#include <limits>

#include "tests/models/rules/moved_check.hpp"

namespace dse {
namespace {

constexpr std::int64_t far = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t before = std::numeric_limits<std::int64_t>::min();

struct SliceCase {
  const char* name;
  std::int64_t opset;
  Shape input;
  std::vector<std::int64_t> starts, ends, axes, steps;
};

test::OnnxBuild sliced(const SliceCase& c) {
  test::OnnxBuild build(c.opset);
  build.input("x", c.input).output("y");
  std::vector<std::string> inputs{"x"};
  if (c.opset >= 10) {
    build.values("starts", c.starts).values("ends", c.ends);
    inputs.insert(inputs.end(), {"starts", "ends", c.axes.empty() ? "" : "axes", c.steps.empty() ? "" : "steps"});
    if (!c.axes.empty()) build.values("axes", c.axes);
    if (!c.steps.empty()) build.values("steps", c.steps);
    while (inputs.back().empty()) inputs.pop_back();
  }
  onnx::NodeProto& node = build.node("Slice", inputs, {"y"}, "slice");
  if (c.opset < 10) {
    build.ints(node, "starts", c.starts);
    build.ints(node, "ends", c.ends);
    if (!c.axes.empty()) build.ints(node, "axes", c.axes);
  }
  return build;
}

}  // namespace

TEST_CASE("parts of slices equal the parts of the whole") {
  for (const SliceCase& c :
       std::vector<SliceCase>{{"attributes", 9, {1, 8, 7, 6}, {1, -4}, {7, -1}, {1, 3}, {}},
                              {"all axes", 1, {2, 8, 7}, {0, 2, 1}, {1, 100, -1}, {}, {}},
                              {"inputs", 13, {1, 8, 7, 6}, {1, -4}, {7, -1}, {1, -1}, {}},
                              {"leading axes", 10, {3, 8, 7}, {1, 3}, {3, far}, {}, {}},
                              {"stepped", 13, {1, 8, 17, 16}, {1, 0}, {far, far}, {2, 3}, {2, 3}},
                              {"backwards", 13, {1, 8, 17, 16}, {-1, 5, -2}, {before, 0, 2}, {1, 2, 3}, {-1, -2, -3}},
                              {"more steps than boxes", 13, {1, 40, 39}, {1, 0}, {far, far}, {1, 2}, {2, 2}},
                              {"far bounds", 13, {4, 9}, {-100, 100}, {100, -100}, {0, 1}, {3, -4}},
                              {"backwards from the far end", 13, {4, 9}, {far, far}, {before, 2}, {0, 1}, {-1, -1}},
                              {"a step beyond the tensor", 13, {4, 9}, {1, -1}, {far, before}, {0, 1}, {far, before}},
                              {"vector", 13, {19}, {17}, {1}, {0}, {-5}},
                              {"without axes but with steps", 11, {9, 8}, {1, 7}, {9, 0}, {}, {3, -1}}})
    test::check_moved(c.name, sliced(c));
}

TEST_CASE("a slice with bounds that are no constants is computed whole") {
  test::OnnxBuild build;
  build.input("x", {1, 8, 16}).input("starts", {1}, DataType::int64).values("ends", {100}).output("y");
  build.values("minus", {-100});
  build.node("Mul", {"starts", "minus"}, {"low"}, "low");
  build.node("Slice", {"x", "low", "ends"}, {"y"}, "slice");
  test::check_moved("computed bounds", build, 1);
}

TEST_CASE("slices of weights and slices in a chain equal the parts of the whole") {
  test::OnnxBuild build;
  build.input("x", {1, 6, 9, 9}).output("y").values("starts", {1, 8}).values("ends", {9, 0});
  build.values("axes", {2, 3}).values("steps", {2, -1});
  build.conv("x", "c", 6, 6);
  build.node("Slice", {"c", "starts", "ends", "axes", "steps"}, {"s"}, "slice");
  build.node("Relu", {"s"}, {"y"}, "act");
  const test::SmallNetwork network("chain", build.serialised());
  const test::PartCheck result = test::check_parts(*network, 5, 16);
  CHECK(result.whole_layers == 0);
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

}  // namespace dse
