// Conv in parts: any stride, dilation, padding, groups, 1-D and 2-D.
#include <doctest/doctest.h>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse {
namespace {

struct ConvCase {
  const char* name;
  Shape input, kernel;  // kernel: spatial
  std::int64_t out_channels, groups;
  std::vector<std::int64_t> strides, dilations, pads;
  const char* auto_pad = "";
};

void check(const ConvCase& c) {
  test::OnnxBuild build;
  Shape weight{c.out_channels, c.input[1] / c.groups};
  weight.insert(weight.end(), c.kernel.begin(), c.kernel.end());
  build.input("x", c.input).output("y").weight("w", weight).weight("b", {c.out_channels});
  onnx::NodeProto& node = build.node("Conv", {"x", "w", "b"}, {"c"}, "conv");
  build.ints(node, "strides", c.strides);
  build.ints(node, "dilations", c.dilations);
  build.integer(node, "group", c.groups);
  if (*c.auto_pad != '\0')
    build.text(node, "auto_pad", c.auto_pad);
  else
    build.ints(node, "pads", c.pads);
  build.node("Relu", {"c"}, {"y"}, "relu");
  const test::SmallNetwork network(c.name, build.serialised());
  const test::PartCheck result = test::check_parts(*network, 7, 16);
  CAPTURE(c.name);
  CHECK(result.whole_layers == 0);
  CHECK(result.parts >= 16);
  CHECK(result.sums == (c.groups == 1 ? 1 : 0));
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

}  // namespace

TEST_CASE("parts of convolutions equal the parts of the whole") {
  check({"plain", {1, 5, 9, 7}, {3, 3}, 6, 1, {1, 1}, {1, 1}, {1, 1, 1, 1}});
  check({"strided", {1, 4, 11, 10}, {3, 2}, 5, 1, {2, 3}, {1, 1}, {0, 1, 2, 0}});
  check({"dilated", {2, 3, 13, 12}, {3, 3}, 4, 1, {1, 2}, {3, 2}, {3, 2, 1, 2}});
  check({"same upper", {1, 3, 10, 11}, {3, 5}, 4, 1, {2, 2}, {1, 1}, {}, "SAME_UPPER"});
  check({"same lower", {1, 3, 10, 11}, {4, 2}, 4, 1, {1, 2}, {1, 1}, {}, "SAME_LOWER"});
  check({"valid", {1, 3, 10, 11}, {4, 2}, 4, 1, {1, 2}, {1, 1}, {}, "VALID"});
  check({"grouped", {1, 12, 6, 6}, {3, 3}, 20, 4, {1, 1}, {1, 1}, {1, 1, 1, 1}});
  check({"depthwise", {1, 7, 8, 8}, {3, 3}, 7, 7, {2, 2}, {1, 1}, {1, 1, 1, 1}});
  check({"depthwise doubled", {1, 4, 8, 8}, {3, 3}, 8, 4, {1, 1}, {1, 1}, {1, 1, 1, 1}});
  check({"one axis", {1, 6, 17}, {5}, 4, 2, {2}, {2}, {3, 4}});
  check({"three axes", {1, 3, 5, 6, 7}, {3, 3, 2}, 4, 1, {1, 2, 1}, {1, 1, 2}, {1, 0, 1, 1, 1, 0}});
  check({"pointwise strided", {1, 6, 9, 9}, {1, 1}, 4, 1, {2, 2}, {1, 1}, {0, 0, 0, 0}});
}

TEST_CASE("parts of residual and branching networks equal the parts of the whole") {
  for (const auto& network :
       {test::chain_network(), test::residual_network(), test::branch_network(), test::two_output_network()}) {
    const test::PartCheck result = test::check_parts(*network, 3, 10);
    CHECK(result.parts > 0);
    for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
  }
}

}  // namespace dse
