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
  std::vector<std::pair<const char*, std::string>> texts = {};
  std::vector<std::int64_t> axes = {};
  std::vector<std::pair<const char*, std::int64_t>> attributes = {};
  DataType type = DataType::float32;
};

// One layer more of the network; its parameters and its output are named after it.
void add(test::OnnxBuild& build, const Case& c, const std::string& name) {
  std::vector<std::string> inputs{"x"};
  // Operator set 11 wants a region of interest, read or not.
  if (c.opset > 10) inputs.push_back(c.opset < 13 ? name + ".roi" : "");
  if (c.opset >= 9) inputs.push_back(c.scales.empty() ? "" : name + ".scales");
  if (!c.sizes.empty()) inputs.push_back(name + ".sizes");
  build.output(name, {}, c.type);
  onnx::NodeProto& node = build.node(c.opset < 10 ? "Upsample" : "Resize", inputs, {name}, name);
  for (const auto& [key, value] : c.texts) build.text(node, key, value);
  for (const auto& [key, value] : c.attributes) build.integer(node, key, value);
  if (!c.axes.empty()) build.ints(node, "axes", c.axes);
  if (c.opset < 9) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name("scales");
    attribute.set_type(onnx::AttributeProto::FLOATS);
    for (const float scale : c.scales) attribute.add_floats(scale);
  } else if (!c.scales.empty()) {
    add_reals(build, name + ".scales", c.scales);
  }
  if (c.opset > 10 && c.opset < 13) add_reals(build, name + ".roi", std::vector<float>(2 * c.input.size(), 0.F));
  if (!c.sizes.empty()) build.values(name + ".sizes", c.sizes);
}

std::string described(const Case& c) {
  std::string text = std::to_string(c.opset) + " " + to_string(c.input);
  for (const float scale : c.scales) text += " " + std::to_string(scale);
  for (const std::int64_t size : c.sizes) text += " " + std::to_string(size);
  for (const auto& [name, value] : c.texts) text += " " + value;
  return text;
}

// Cases of one operator set, input and type: one network.
test::PartCheck parts_of(const std::vector<Case>& cases, std::size_t rounds) {
  const Case& first = cases.front();
  test::OnnxBuild build(first.opset);
  build.input("x", first.input, first.type);
  for (std::size_t i = 0; i < cases.size(); ++i) add(build, cases[i], described(cases[i]) + " " + std::to_string(i));
  const test::SmallNetwork network("resize", build.serialised());
  return test::check_parts(*network, 17, rounds);
}

void check_result(const test::PartCheck& result, std::size_t parts) {
  CHECK(result.whole_layers == 0);
  CHECK(result.parts >= parts);
  CHECK(result.worst_error < 2e-6);
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

void check(const std::vector<Case>& cases, std::size_t rounds = 20) {
  const std::string what = described(cases.front());
  CAPTURE(what);
  check_result(parts_of(cases, rounds), rounds * cases.size());
}

void check(const Case& one, std::size_t rounds = 20) { check(std::vector<Case>{one}, rounds); }

constexpr const char* places = "coordinate_transformation_mode";

std::vector<const char*> all_places(std::int64_t opset) {
  std::vector<const char*> all{"half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners"};
  if (opset >= 19) all.push_back("half_pixel_symmetric");
  return all;
}

// `form` in every way of finding places, and every way of rounding them to neighbours.
std::vector<Case> nearest(const Case& form) {
  std::vector<Case> cases;
  for (const char* where : all_places(form.opset))
    for (const char* rounding : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
      cases.push_back(form);
      cases.back().texts = {{"mode", "nearest"}, {places, where}, {"nearest_mode", rounding}};
    }
  return cases;
}

std::vector<Case> interpolated(const Case& form) {
  std::vector<Case> cases;
  for (const char* where : all_places(form.opset))
    for (const char* mode : {"linear", "cubic"}) {
      cases.push_back(form);
      cases.back().texts = {{"mode", mode}, {places, where}};
    }
  return cases;
}

}  // namespace

TEST_CASE("parts of nearest neighbours equal the parts of the whole") {
  check(nearest({13, {1, 3, 7, 6}, {1, 1, 2, 3}}), 40);
  check(nearest({13, {1, 3, 7, 5}, {1, 1, 4, 5}}));
  check(nearest({13, {2, 3, 7}, {1, 1.5F, 2}}), 10);
  check(nearest({13, {1, 3, 6, 5}, {}, {1, 3, 12, 7}}), 10);
  for (const std::int64_t opset : {11, 18, 19}) check(nearest({opset, {1, 3, 5, 6}, {1, 1, 2, 3}}), 10);
}

TEST_CASE("parts of linear and cubic interpolation equal the parts of the whole") {
  check(interpolated({13, {2, 3, 7, 6}, {1, 1, 3, 2}}), 40);
  check(interpolated({13, {1, 3, 6, 7}, {1, 1, 2, 1}}));
  check(interpolated({13, {1, 3, 6, 7}, {1, 1, 1.7F, 2}}));
  check(interpolated({13, {1, 3, 6, 7}, {}, {1, 3, 12, 10}}));
  check(interpolated({13, {1, 3, 8, 6}, {1, 1, 0.5F, 2}}));
  for (const std::int64_t opset : {11, 18, 19}) check(interpolated({opset, {1, 3, 7, 6}, {1, 1, 3, 4}}));
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

TEST_CASE("parts of resizes whose unused parameters are empty constants equal the parts of the whole") {
  test::OnnxBuild build(11);
  build.input("x", {1, 3, 5, 6}).output("y");
  add_reals(build, "roi", {});
  add_reals(build, "scales", {1, 1, 2, 2});
  build.node("Resize", {"x", "roi", "scales"}, {"y"}, "r");
  const test::SmallNetwork network("resize", build.serialised());
  check_result(test::check_parts(*network, 17, 20), 20);
  test::OnnxBuild sized(13);
  sized.input("x", {1, 3, 5, 6}).output("y");
  add_reals(sized, "empty", {});
  sized.values("sizes", {1, 3, 10, 12});
  sized.node("Resize", {"x", "empty", "empty", "sizes"}, {"y"}, "r");
  const test::SmallNetwork sized_network("resize", sized.serialised());
  check_result(test::check_parts(*sized_network, 17, 20), 20);
}

TEST_CASE("parts of resizes of other element types equal the parts of the whole") {
  for (const DataType type : {DataType::uint8, DataType::int8, DataType::int32}) {
    check({13, {1, 3, 5, 6}, {1, 1, 2, 3}, {}, {{"mode", "nearest"}}, {}, {}, type});
    check({13, {1, 3, 5, 6}, {1, 1, 2, 3}, {}, {{"mode", "linear"}}, {}, {}, type});
    check({13, {1, 3, 5, 6}, {1, 1, 4, 2}, {}, {{"mode", "linear"}}, {}, {}, type});
  }
}

TEST_CASE("resizes whose parts are not certain are computed whole") {
  const auto refused = [](const Case& c) { return parts_of({c}, 2).whole_layers == 1; };
  CHECK(refused({13, {1, 3, 6, 6}, {1, 1, 2, 2}, {}, {{places, "tf_crop_and_resize"}}}));
  CHECK(refused({11, {1, 3, 6, 6}, {1, 1, 2, 2}, {}, {{places, "tf_half_pixel_for_nn"}}}));
  CHECK(refused({18, {1, 3, 6, 6}, {1, 1, 0.5F, 0.5F}, {}, {{"mode", "linear"}}, {}, {{"antialias", 1}}}));
  CHECK(refused({18, {1, 3, 6, 6}, {}, {12, 20}, {{"keep_aspect_ratio_policy", "not_larger"}}, {2, 3}}));
}

}  // namespace dse
