// MaxPool, AveragePool and LpPool in parts: borders, strides, dilations, ceil_mode, one to three axes.
#include <doctest/doctest.h>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse {
namespace {

struct PoolCase {
  const char* name;
  const char* op_type;
  std::int64_t opset;
  Shape input, kernel;
  std::vector<std::int64_t> strides = {}, dilations = {}, pads = {};
  const char* auto_pad = "";
  std::vector<std::pair<const char*, std::int64_t>> attributes = {};
  DataType type = DataType::float32;
};

test::PartCheck parts_of(const PoolCase& c, std::size_t rounds = 40) {
  test::OnnxBuild build(c.opset);
  build.input("x", c.input, c.type).output("y", {}, c.type);
  onnx::NodeProto& node = build.node(c.op_type, {"x"}, {"y"}, "pool");
  build.ints(node, "kernel_shape", c.kernel);
  if (!c.strides.empty()) build.ints(node, "strides", c.strides);
  if (!c.dilations.empty()) build.ints(node, "dilations", c.dilations);
  if (!c.pads.empty()) build.ints(node, "pads", c.pads);
  if (*c.auto_pad != '\0') build.text(node, "auto_pad", c.auto_pad);
  for (const auto& [name, value] : c.attributes) build.integer(node, name, value);
  const test::SmallNetwork network("pool", build.serialised());
  return test::check_parts(*network, 11, rounds);
}

void check(const PoolCase& c, std::size_t rounds = 40) {
  CAPTURE(c.name);
  CAPTURE(c.op_type);
  CAPTURE(c.opset);
  const test::PartCheck result = parts_of(c, rounds);
  CHECK(result.whole_layers == 0);
  CHECK(result.parts >= rounds);
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

void check_refused(const PoolCase& c) {
  CAPTURE(c.name);
  CHECK(parts_of(c).whole_layers == 1);
}

}  // namespace

TEST_CASE("parts of pools of every kind equal the parts of the whole") {
  for (const auto& [op_type, opset] : {std::pair{"MaxPool", 12}, {"AveragePool", 11}, {"LpPool", 18}}) {
    check({"plain", op_type, opset, {1, 3, 8, 9}, {2, 2}, {2, 2}});
    check({"padded", op_type, opset, {2, 3, 9, 7}, {3, 3}, {2, 1}, {}, {1, 1, 1, 1}});
    check({"uneven pads", op_type, opset, {1, 4, 11, 10}, {3, 4}, {3, 2}, {}, {0, 2, 2, 1}});
    check({"same upper", op_type, opset, {1, 3, 10, 11}, {3, 4}, {2, 2}, {}, {}, "SAME_UPPER"});
    check({"same lower", op_type, opset, {1, 3, 10, 11}, {4, 2}, {1, 2}, {}, {}, "SAME_LOWER"});
    check({"valid", op_type, opset, {1, 3, 10, 11}, {4, 2}, {1, 2}, {}, {}, "VALID"});
    check({"one axis", op_type, opset, {1, 5, 17}, {5}, {2}, {}, {3, 4}});
    check({"three axes", op_type, opset, {1, 2, 5, 6, 7}, {3, 2, 3}, {1, 2, 2}, {}, {1, 0, 1, 1, 1, 2}});
    check({"many channels", op_type, opset, {1, 32, 8, 8}, {3, 3}, {2, 2}, {}, {1, 1, 1, 1}});
    check({"gaps between windows", op_type, opset, {1, 3, 11, 10}, {2, 1}, {3, 2}});
  }
}

TEST_CASE("parts of pools of every operator set equal the parts of the whole") {
  for (const auto& [op_type, opsets] : {std::pair{"MaxPool", std::vector<std::int64_t>{7, 8, 10, 22}},
                                        {"AveragePool", {7, 10, 19, 22}},
                                        {"LpPool", {2, 11, 22}}}) {
    for (const std::int64_t opset : opsets) {
      check({"uneven pads", op_type, opset, {1, 4, 11, 10}, {3, 4}, {3, 2}, {}, {0, 2, 2, 1}}, 10);
      check({"same lower", op_type, opset, {1, 3, 10, 11}, {4, 2}, {1, 2}, {}, {}, "SAME_LOWER"}, 10);
      check({"one axis", op_type, opset, {1, 5, 17}, {5}, {2}, {}, {3, 4}}, 10);
    }
  }
}

TEST_CASE("parts of dilated pools equal the parts of the whole") {
  for (const auto& [op_type, opset] :
       {std::pair{"MaxPool", 10}, {"MaxPool", 12}, {"AveragePool", 19}, {"LpPool", 18}}) {
    check({"dilated", op_type, opset, {1, 3, 13, 12}, {3, 2}, {1, 2}, {3, 2}, {2, 1, 1, 0}});
    check({"dilated line", op_type, opset, {1, 3, 19}, {4}, {2}, {3}, {3, 1}});
    check({"dilated valid", op_type, opset, {1, 2, 9, 9, 8}, {2, 3, 2}, {1, 1, 2}, {3, 1, 2}, {}, "VALID"});
  }
  check({"dilated average with padding",
         "AveragePool",
         19,
         {1, 3, 13, 12},
         {3, 2},
         {1, 2},
         {3, 2},
         {2, 1, 1, 0},
         "",
         {{"count_include_pad", 1}}});
}

TEST_CASE("parts of pools whose last windows overhang equal the parts of the whole") {
  for (const auto& [op_type, opset] : {std::pair{"MaxPool", 10},
                                       {"MaxPool", 12},
                                       {"AveragePool", 10},
                                       {"AveragePool", 11},
                                       {"AveragePool", 19},
                                       {"LpPool", 18}}) {
    check({"ceil", op_type, opset, {1, 3, 10, 8}, {3, 3}, {2, 2}, {}, {}, "", {{"ceil_mode", 1}}}, 15);
    check({"ceil and pads", op_type, opset, {1, 3, 10, 12}, {3, 4}, {2, 3}, {}, {1, 1, 0, 1}, "", {{"ceil_mode", 1}}},
          15);
    check({"ceil that fits", op_type, opset, {1, 3, 9, 9}, {3, 3}, {2, 2}, {}, {1, 1, 1, 1}, "", {{"ceil_mode", 1}}},
          15);
    check({"ceil same", op_type, opset, {1, 3, 10, 12}, {3, 4}, {2, 3}, {}, {}, "SAME_LOWER", {{"ceil_mode", 1}}}, 15);
    check({"ceil valid", op_type, opset, {1, 3, 10, 12}, {3, 4}, {2, 3}, {}, {}, "VALID", {{"ceil_mode", 1}}}, 15);
    check({"ceil on a line", op_type, opset, {1, 3, 14}, {4}, {3}, {}, {1, 0}, "", {{"ceil_mode", 1}}}, 15);
  }
}

TEST_CASE("parts of averages that count the padding equal the parts of the whole") {
  for (const std::int64_t opset : {7, 10, 11, 19, 22}) {
    check({"counted",
           "AveragePool",
           opset,
           {1, 3, 9, 8},
           {3, 3},
           {2, 1},
           {},
           {1, 1, 1, 1},
           "",
           {{"count_include_pad", 1}}},
          15);
    check({"counted, floor leaves a rest",
           "AveragePool",
           opset,
           {1, 3, 10, 12},
           {3, 4},
           {2, 3},
           {},
           {1, 1, 2, 1},
           "",
           {{"count_include_pad", 1}}},
          15);
    check({"counted same",
           "AveragePool",
           opset,
           {1, 3, 10, 12},
           {3, 4},
           {2, 3},
           {},
           {},
           "SAME_UPPER",
           {{"count_include_pad", 1}}},
          15);
  }
}

TEST_CASE("parts of pools of other element types equal the parts of the whole") {
  check({"bytes", "MaxPool", 12, {1, 3, 9, 8}, {3, 3}, {2, 1}, {}, {1, 1, 1, 1}, "", {}, DataType::uint8});
  check({"signed bytes", "MaxPool", 12, {1, 3, 9, 8}, {3, 3}, {2, 1}, {}, {1, 1, 1, 1}, "", {}, DataType::int8});
  check({"doubles", "MaxPool", 12, {1, 3, 9, 8}, {3, 3}, {2, 1}, {}, {1, 1, 1, 1}, "", {}, DataType::float64});
}

TEST_CASE("pools whose parts are not certain are computed whole") {
  check_refused({"counted overhang",
                 "AveragePool",
                 19,
                 {1, 3, 10, 8},
                 {3, 3},
                 {2, 2},
                 {},
                 {},
                 "",
                 {{"ceil_mode", 1}, {"count_include_pad", 1}}});
  check_refused({"column major", "MaxPool", 12, {1, 3, 10, 8}, {3, 3}, {2, 2}, {}, {}, "", {{"storage_order", 1}}});
  check_refused({"dilated same padding", "MaxPool", 12, {1, 3, 12, 9}, {2, 3}, {1, 2}, {2, 2}, {}, "SAME_UPPER"});

  test::OnnxBuild build;
  build.input("x", {1, 3, 8, 8}).output("y").output("i", {}, DataType::int64);
  build.ints(build.node("MaxPool", {"x"}, {"y", "i"}, "pool"), "kernel_shape", {2, 2});
  const test::SmallNetwork network("indices", build.serialised());
  CHECK(test::check_parts(*network, 11, 4).whole_layers == 1);
}

}  // namespace dse
