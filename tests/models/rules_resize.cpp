// Resize and Upsample in parts: every mode, integer and other factors, scales and sizes, every form of the operator.
#include <doctest/doctest.h>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse {
namespace {

void add_reals(test::OnnxBuild& build, const std::string& name, const std::vector<float>& values) {
  onnx::TensorProto& tensor = *build.graph().add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const float value : values) tensor.add_float_data(value);
}

struct Case {
  std::int64_t opset;
  Shape input;
  std::vector<float> scales = {};
  std::vector<std::int64_t> sizes = {};
  std::vector<std::pair<const char*, const char*>> texts = {};
  std::vector<std::int64_t> axes = {};
  std::vector<std::pair<const char*, std::int64_t>> attributes = {};
  DataType type = DataType::float32;
};

test::PartCheck parts_of(const Case& c, std::size_t rounds) {
  test::OnnxBuild build(c.opset);
  build.input("x", c.input, c.type).output("y", {}, c.type);
  std::vector<std::string> inputs{"x"};
  // Operator set 11 wants a region of interest, read or not.
  if (c.opset > 10) inputs.emplace_back(c.opset < 13 ? "roi" : "");
  if (c.opset >= 9) inputs.emplace_back(c.scales.empty() ? "" : "scales");
  if (!c.sizes.empty()) inputs.emplace_back("sizes");
  onnx::NodeProto& node = build.node(c.opset < 10 ? "Upsample" : "Resize", inputs, {"y"}, "resize");
  for (const auto& [name, value] : c.texts) build.text(node, name, value);
  for (const auto& [name, value] : c.attributes) build.integer(node, name, value);
  if (!c.axes.empty()) build.ints(node, "axes", c.axes);
  if (c.opset < 9) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name("scales");
    attribute.set_type(onnx::AttributeProto::FLOATS);
    for (const float scale : c.scales) attribute.add_floats(scale);
  } else if (!c.scales.empty()) {
    add_reals(build, "scales", c.scales);
  }
  if (c.opset > 10 && c.opset < 13) add_reals(build, "roi", std::vector<float>(2 * c.input.size(), 0.F));
  if (!c.sizes.empty()) build.values("sizes", c.sizes);
  const test::SmallNetwork network("resize", build.serialised());
  return test::check_parts(*network, 17, rounds);
}

std::string described(const Case& c) {
  std::string text = std::to_string(c.opset) + " " + to_string(c.input);
  for (const float scale : c.scales) text += " " + std::to_string(scale);
  for (const std::int64_t size : c.sizes) text += " " + std::to_string(size);
  for (const auto& [name, value] : c.texts) text += " " + std::string(value);
  return text;
}

void check(const Case& c, std::size_t rounds = 20) {
  const std::string what = described(c);
  CAPTURE(what);
  const test::PartCheck result = parts_of(c, rounds);
  CHECK(result.whole_layers == 0);
  CHECK(result.parts >= rounds);
  CHECK(result.worst_error < 2e-6);
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

constexpr const char* places = "coordinate_transformation_mode";

}  // namespace

TEST_CASE("parts of nearest neighbours equal the parts of the whole") {
  const auto check_all = [](std::int64_t opset, const char* where, const char* rounding) {
    const auto texts = std::vector<std::pair<const char*, const char*>>{
        {"mode", "nearest"}, {places, where}, {"nearest_mode", rounding}};
    if (opset != 13) return check({opset, {1, 3, 5, 6}, {1, 1, 2, 3}, {}, texts}, 4);
    check({opset, {1, 3, 7, 6}, {1, 1, 2, 3}, {}, texts}, 40);
    check({opset, {1, 3, 7, 5}, {1, 1, 4, 5}, {}, texts}, 10);
    check({opset, {2, 3, 7}, {1, 1.5F, 2}, {}, texts}, 10);
    check({opset, {1, 3, 6, 5}, {}, {1, 3, 12, 7}, texts}, 10);
  };
  for (const std::int64_t opset : {11, 13, 18, 19})
    for (const char* rounding : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
      for (const char* where : {"half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners"})
        check_all(opset, where, rounding);
      if (opset >= 19) check_all(opset, "half_pixel_symmetric", rounding);
    }
}

TEST_CASE("parts of linear and cubic interpolation equal the parts of the whole") {
  const auto check_all = [](std::int64_t opset, const char* where, const char* mode) {
    const auto texts = std::vector<std::pair<const char*, const char*>>{{"mode", mode}, {places, where}};
    if (opset != 13) return check({opset, {1, 3, 7, 6}, {1, 1, 3, 4}, {}, texts}, 6);
    check({opset, {2, 3, 7, 6}, {1, 1, 3, 2}, {}, texts}, 40);
    check({opset, {1, 3, 6, 7}, {1, 1, 2, 1}, {}, texts}, 10);
    check({opset, {1, 3, 6, 7}, {1, 1, 1.7F, 2}, {}, texts}, 10);
    check({opset, {1, 3, 6, 7}, {}, {1, 3, 12, 10}, texts}, 10);
    check({opset, {1, 3, 8, 6}, {1, 1, 0.5F, 2}, {}, texts}, 10);
  };
  for (const char* mode : {"linear", "cubic"}) {
    for (const std::int64_t opset : {11, 13, 18, 19})
      for (const char* where : {"half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners"})
        check_all(opset, where, mode);
    check({19, {1, 3, 7, 6}, {1, 1, 3, 2}, {}, {{"mode", mode}, {places, "half_pixel_symmetric"}}});
  }
  check({13, {1, 3, 6, 7}, {1, 1, 2, 3}, {}, {{"mode", "cubic"}}, {}, {{"exclude_outside", 1}}});
  check({13, {1, 2, 4, 5, 3}, {1, 1, 2, 2, 2}, {}, {{"mode", "linear"}}});
  check({13, {1, 6, 7, 3}, {1, 2, 2, 1}, {}, {{"mode", "linear"}}});
  check({13, {6, 7}, {2, 2}, {}, {{"mode", "linear"}}});
}

TEST_CASE("parts of the older forms equal the parts of the whole") {
  for (const std::int64_t opset : {7, 9, 10})
    for (const char* mode : {"nearest", "linear"}) {
      check({opset, {1, 3, 5, 6}, {1, 1, 2, 2}, {}, {{"mode", mode}}});
      check({opset, {1, 3, 5, 6}, {1, 1, 3, 2}, {}, {{"mode", mode}}});
      check({opset, {1, 3, 5, 6}, {1, 1, 1.5F, 2}, {}, {{"mode", mode}}});
    }
  check({10, {1, 3, 6, 6}, {1, 1, 0.5F, 2}, {}, {{"mode", "nearest"}}});
}

TEST_CASE("parts of resizes of chosen axes equal the parts of the whole") {
  for (const std::int64_t opset : {18, 19}) {
    check({opset, {1, 3, 5, 6}, {2, 3}, {}, {{"mode", "nearest"}}, {2, 3}});
    check({opset, {1, 3, 5, 6}, {3, 2}, {}, {{"mode", "linear"}}, {3, 2}});
    check({opset, {1, 3, 5, 6}, {}, {18, 10}, {{"mode", "nearest"}}, {-1, -2}});
    check({opset, {1, 3, 5, 6}, {}, {10, 9}, {{"mode", "linear"}}, {2, 3}});
  }
}

TEST_CASE("parts of resizes of other element types equal the parts of the whole") {
  for (const DataType type : {DataType::uint8, DataType::int8, DataType::int32}) {
    check({13, {1, 3, 5, 6}, {1, 1, 2, 3}, {}, {{"mode", "nearest"}}, {}, {}, type});
    check({13, {1, 3, 5, 6}, {1, 1, 2, 3}, {}, {{"mode", "linear"}}, {}, {}, type});
    check({13, {1, 3, 5, 6}, {1, 1, 4, 2}, {}, {{"mode", "linear"}}, {}, {}, type});
  }
}

TEST_CASE("resizes whose parts are not certain are computed whole") {
  const auto refused = [](const Case& c) { return parts_of(c, 2).whole_layers == 1; };
  CHECK(refused({13, {1, 3, 6, 6}, {1, 1, 2, 2}, {}, {{places, "tf_crop_and_resize"}}}));
  CHECK(refused({11, {1, 3, 6, 6}, {1, 1, 2, 2}, {}, {{places, "tf_half_pixel_for_nn"}}}));
  CHECK(refused({18, {1, 3, 6, 6}, {1, 1, 0.5F, 0.5F}, {}, {{"mode", "linear"}}, {}, {{"antialias", 1}}}));
  CHECK(refused({18, {1, 3, 6, 6}, {}, {12, 20}, {{"keep_aspect_ratio_policy", "not_larger"}}, {2, 3}}));
}

}  // namespace dse
