// Global pools, reductions, ArgMax, CumSum and TopK in parts.
#include <doctest/doctest.h>

#include "models/rules/needs.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse {
namespace {

using Attributes = std::vector<std::pair<const char*, std::int64_t>>;
using Integers = std::vector<std::int64_t>;

void check_build(const test::OnnxBuild& build, std::size_t rounds) {
  const test::SmallNetwork network("whole_axes", build.serialised());
  const test::PartCheck result = test::check_parts(*network, 5, rounds);
  CHECK(result.whole_layers == 0);
  CHECK(result.parts >= rounds);
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

struct Reduction {
  Integers axes = {};
  Attributes attributes = {};
};

constexpr const char* reductions[] = {"ReduceMean", "ReduceMax", "ReduceMin",    "ReduceSum",       "ReduceProd",
                                      "ReduceL1",   "ReduceL2",  "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"};

// Every kind of reduction in every given way, each a layer of one network. Sums have logarithms: of numbers that are
// not negative.
void check_reductions(std::int64_t opset, const Shape& input, const std::vector<Reduction>& ways, std::size_t rounds) {
  CAPTURE(opset);
  test::OnnxBuild build(opset);
  build.input("x", input);
  build.node("Abs", {"x"}, {"a"}, "abs");
  for (const std::string op_type : reductions)
    for (std::size_t way = 0; way < ways.size(); ++way) {
      const bool axes_are_input = !ways[way].axes.empty() && opset >= (op_type == "ReduceSum" ? 13 : 18);
      const std::string name = op_type + std::to_string(way);
      std::vector<std::string> inputs{"a"};
      if (axes_are_input) {
        build.values(name + ".axes", ways[way].axes);
        inputs.push_back(name + ".axes");
      }
      onnx::NodeProto& node = build.output(name).node(op_type, inputs, {name}, name);
      if (!ways[way].axes.empty() && !axes_are_input) build.ints(node, "axes", ways[way].axes);
      for (const auto& [key, value] : ways[way].attributes) build.integer(node, key, value);
    }
  check_build(build, rounds);
}

}  // namespace

TEST_CASE("parts of global pools equal the parts of the whole") {
  for (const char* op_type : {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}) {
    for (const Shape& input : std::vector<Shape>{{2, 7, 5, 6}, {1, 40, 9}, {1, 5, 3, 4, 3}}) {
      CAPTURE(op_type);
      test::OnnxBuild build;
      build.input("x", input).output("y");
      build.node(op_type, {"x"}, {"y"}, "pool");
      check_build(build, 12);
    }
  }
}

TEST_CASE("parts of reductions equal the parts of the whole") {
  for (const std::int64_t opset : {13, 18}) {
    check_reductions(opset, {2, 5, 4, 3}, {{{2, 3}}, {{-1, 0}, {{"keepdims", 0}}}, {{-2}, {{"keepdims", 1}}}}, 40);
    check_reductions(opset, {3, 4, 5}, {{}, {{}, {{"keepdims", 0}}}}, 2);
  }
  for (const std::int64_t opset : {7, 11, 20}) check_reductions(opset, {2, 5, 4, 3}, {{{1}, {{"keepdims", 0}}}}, 8);
  check_reductions(18, {3, 4, 5}, {{{}, {{"noop_with_empty_axes", 1}}}, {{1}, {{"noop_with_empty_axes", 1}}}}, 8);
}

TEST_CASE("parts of ArgMax and ArgMin equal the parts of the whole") {
  for (const char* op_type : {"ArgMax", "ArgMin"}) {
    for (const std::int64_t opset : {7, 11, 12, 13}) {
      for (const Attributes& attributes : std::vector<Attributes>{
               {}, {{"axis", 1}}, {{"axis", opset < 11 ? 3 : -1}, {"keepdims", 0}}, {{"axis", 2}, {"keepdims", 0}}}) {
        CAPTURE(op_type);
        CAPTURE(opset);
        test::OnnxBuild build(opset);
        build.input("x", {3, 5, 4, 6}).output("y", {}, DataType::int64);
        onnx::NodeProto& node = build.node(op_type, {"x"}, {"y"}, "arg");
        for (const auto& [name, value] : attributes) build.integer(node, name, value);
        if (opset >= 12) build.integer(node, "select_last_index", 1);
        check_build(build, 12);
      }
    }
  }
}

TEST_CASE("parts of CumSum equal the parts of the whole") {
  for (const std::int64_t axis : {0, 1, -1}) {
    for (const Attributes& attributes :
         std::vector<Attributes>{{}, {{"exclusive", 1}}, {{"reverse", 1}}, {{"exclusive", 1}, {"reverse", 1}}}) {
      test::OnnxBuild build(14);
      build.input("x", {3, 5, 6}).output("y").values("axis", {axis});
      build.graph().mutable_initializer(0)->clear_dims();
      onnx::NodeProto& node = build.node("CumSum", {"x", "axis"}, {"y"}, "sum");
      for (const auto& [name, value] : attributes) build.integer(node, name, value);
      check_build(build, 12);
    }
  }
}

TEST_CASE("parts of TopK equal the parts of the whole") {
  for (const std::int64_t opset : {9, 10, 11}) {
    for (const std::int64_t axis : {1, 2, -1}) {
      if (opset < 10 && axis < 0) continue;
      for (const std::int64_t largest : {1, 0}) {
        CAPTURE(opset);
        test::OnnxBuild build(opset);
        build.input("x", {2, 5, 6}).output("v").output("i", {}, DataType::int64);
        std::vector<std::string> inputs{"x"};
        if (opset >= 10) {
          build.values("k", {3});
          inputs.emplace_back("k");
        }
        onnx::NodeProto& node = build.node("TopK", inputs, {"v", "i"}, "top");
        build.integer(node, "axis", axis);
        if (opset < 10) build.integer(node, "k", 3);
        if (opset >= 11) build.integer(node, "largest", largest);
        check_build(build, 12);
      }
    }
  }
}

TEST_CASE("a sum along an axis that is only known when it runs is computed whole") {
  test::OnnxBuild build(14);
  build.input("x", {3, 5, 6}).input("axis", {1}, DataType::int64).output("y", {3, 5, 6});
  build.node("CumSum", {"x", "axis"}, {"y"}, "sum");
  const test::SmallNetwork network("open_axis", build.serialised());
  CHECK_FALSE(splittable(*network, 0));
}

}  // namespace dse
