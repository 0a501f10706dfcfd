// ConvTranspose in parts: strides, dilations, padding on either side, gaps between stamps, groups, 1-D and 2-D.
#include <doctest/doctest.h>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse {
namespace {

struct Case {
  const char* name;
  Shape input, kernel;
  std::int64_t out_per_group, groups = 1;
  std::vector<std::int64_t> strides = {}, dilations = {}, pads = {}, output_padding = {}, output_shape = {};
  const char* auto_pad = "";
  bool bias = true;
  std::int64_t opset = 13;
};

void check(const Case& c, std::size_t whole_layers = 0) {
  CAPTURE(c.name);
  CAPTURE(c.opset);
  test::OnnxBuild build(c.opset);
  Shape weight{c.input[1], c.out_per_group};
  weight.insert(weight.end(), c.kernel.begin(), c.kernel.end());
  build.input("x", c.input).output("y").weight("w", weight);
  std::vector<std::string> inputs{"x", "w"};
  if (c.bias) inputs.emplace_back("b");
  build.weight("b", {c.out_per_group * c.groups});
  onnx::NodeProto& node = build.node("ConvTranspose", inputs, {"c"}, "up");
  for (const auto& [name, values] : {std::pair{"strides", &c.strides},
                                     {"dilations", &c.dilations},
                                     {"pads", &c.pads},
                                     {"output_padding", &c.output_padding},
                                     {"output_shape", &c.output_shape}})
    if (!values->empty()) build.ints(node, name, *values);
  build.integer(node, "group", c.groups);
  if (*c.auto_pad != '\0') build.text(node, "auto_pad", c.auto_pad);
  build.node("Relu", {"c"}, {"y"}, "relu");
  const test::SmallNetwork network("transposed", build.serialised());
  const test::PartCheck result = test::check_parts(*network, 7, 40);
  CHECK(result.whole_layers == whole_layers);
  if (whole_layers == 0) CHECK(result.parts >= 40);
  if (whole_layers == 0) CHECK(result.sums == (c.groups == 1 ? 1 : 0));
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

}  // namespace

TEST_CASE("parts of transposed convolutions equal the parts of the whole") {
  for (const std::int64_t opset : {7, 11, 22}) {
    check({.name = "doubling",
           .input = {1, 5, 6, 5},
           .kernel = {2, 2},
           .out_per_group = 4,
           .strides = {2, 2},
           .opset = opset});
    check({.name = "no stride",
           .input = {2, 4, 6, 7},
           .kernel = {3, 2},
           .out_per_group = 5,
           .pads = {1, 0, 1, 1},
           .opset = opset});
    check({.name = "overlapping",
           .input = {1, 4, 6, 7},
           .kernel = {4, 3},
           .out_per_group = 3,
           .strides = {2, 2},
           .pads = {1, 1, 1, 1},
           .output_padding = {0, 1},
           .opset = opset});
  }
  check({.name = "uneven pads",
         .input = {1, 4, 7, 6},
         .kernel = {5, 4},
         .out_per_group = 3,
         .strides = {3, 2},
         .pads = {2, 0, 1, 3},
         .bias = false});
  check({.name = "gaps",
         .input = {1, 3, 5, 4},
         .kernel = {1, 2},
         .out_per_group = 4,
         .strides = {3, 4},
         .output_padding = {2, 1}});
  check({.name = "gaps and pads",
         .input = {1, 3, 5, 5},
         .kernel = {2, 2},
         .out_per_group = 4,
         .strides = {4, 3},
         .pads = {1, 1, 0, 1}});
  check({.name = "dilated",
         .input = {1, 3, 6, 7},
         .kernel = {3, 2},
         .out_per_group = 4,
         .strides = {2, 1},
         .dilations = {2, 3},
         .pads = {1, 2, 3, 0},
         .output_padding = {1, 0}});
  check({.name = "dilated beyond its stride",
         .input = {1, 3, 6, 7},
         .kernel = {2, 2},
         .out_per_group = 4,
         .strides = {2, 3},
         .dilations = {5, 4}});
  check({.name = "one axis",
         .input = {1, 6, 11},
         .kernel = {5},
         .out_per_group = 4,
         .strides = {2},
         .pads = {3, 2},
         .output_padding = {1}});
  check({.name = "one axis, dilated",
         .input = {1, 6, 11},
         .kernel = {3},
         .out_per_group = 4,
         .strides = {3},
         .dilations = {2},
         .pads = {0, 2}});
  check({.name = "three axes",
         .input = {1, 3, 3, 4, 3},
         .kernel = {2, 3, 2},
         .out_per_group = 4,
         .strides = {2, 1, 2},
         .pads = {0, 1, 0, 1, 1, 0}});
}

TEST_CASE("parts of grouped transposed convolutions equal the parts of the whole") {
  check({.name = "grouped",
         .input = {1, 12, 5, 5},
         .kernel = {3, 3},
         .out_per_group = 5,
         .groups = 4,
         .strides = {2, 2},
         .pads = {1, 1, 1, 1}});
  check({.name = "depthwise",
         .input = {1, 7, 5, 5},
         .kernel = {4, 4},
         .out_per_group = 1,
         .groups = 7,
         .strides = {2, 2},
         .pads = {1, 1, 1, 1}});
  check({.name = "depthwise doubled",
         .input = {2, 4, 6},
         .kernel = {3},
         .out_per_group = 2,
         .groups = 4,
         .strides = {2},
         .bias = false});
}

TEST_CASE("parts of transposed convolutions with padding of the engine's choosing equal the parts of the whole") {
  for (const char* auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}) {
    CAPTURE(auto_pad);
    check({.name = "shaped",
           .input = {1, 3, 6, 7},
           .kernel = {4, 3},
           .out_per_group = 4,
           .strides = {2, 2},
           .output_shape = {11, 13},
           .auto_pad = auto_pad});
    check({.name = "shaped, other parity",
           .input = {1, 3, 6, 7},
           .kernel = {4, 3},
           .out_per_group = 4,
           .strides = {2, 2},
           .output_shape = {12, 14},
           .auto_pad = auto_pad});
    check({.name = "shaped, dilated",
           .input = {1, 3, 6, 7},
           .kernel = {2, 3},
           .out_per_group = 4,
           .strides = {3, 2},
           .dilations = {3, 2},
           .output_shape = {18, 14},
           .auto_pad = auto_pad});
    check({.name = "shaped, padded output",
           .input = {1, 3, 6, 7},
           .kernel = {4, 3},
           .out_per_group = 4,
           .strides = {2, 2},
           .output_padding = {1, 0},
           .output_shape = {12, 12},
           .auto_pad = auto_pad});
  }
  for (const char* auto_pad : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    CAPTURE(auto_pad);
    check({.name = "same",
           .input = {1, 3, 6, 7},
           .kernel = {4, 3},
           .out_per_group = 4,
           .strides = {2, 2},
           .auto_pad = auto_pad});
    check({.name = "same, padded output",
           .input = {1, 3, 6, 7},
           .kernel = {4, 3},
           .out_per_group = 4,
           .strides = {2, 2},
           .output_padding = {1, 1},
           .auto_pad = auto_pad},
          std::string_view(auto_pad) == "VALID" ? 0 : 1);
    check({.name = "same, odd",
           .input = {1, 3, 6, 7},
           .kernel = {5, 6},
           .out_per_group = 4,
           .strides = {2, 3},
           .auto_pad = auto_pad});
  }
}

}  // namespace dse
