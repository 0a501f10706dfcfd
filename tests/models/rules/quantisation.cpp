// Quantised operators in parts: single and listed scales and zero points, Microsoft's operators.
#include "tests/models/rules/rule_check.hpp"

namespace dse {
namespace {

constexpr DataType u8 = DataType::uint8, i8 = DataType::int8;

class Quantised : public test::OnnxBuild {
 public:
  explicit Quantised(std::int64_t opset = 13) : OnnxBuild(opset) {
    onnx::OperatorSetIdProto& import = *model().add_opset_import();
    import.set_domain("com.microsoft");
    import.set_version(1);
  }

  // Different from element to element.
  void scale(const std::string& name, const Shape& shape, float value) {
    onnx::TensorProto& tensor = initializer(name, shape, DataType::float32);
    for (std::int64_t i = 0; i < element_count(shape).value_or(0); ++i)
      tensor.add_float_data(value * (1 + 0.25F * static_cast<float>(i % 4)));
  }
  void integers(const std::string& name, const Shape& shape, DataType type, std::int64_t lowest, std::int64_t highest) {
    onnx::TensorProto& tensor = initializer(name, shape, type);
    for (std::int64_t i = 0; i < element_count(shape).value_or(0); ++i) {
      state_ = state_ * 1664525U + 1013904223U;
      const auto span = static_cast<std::uint32_t>(highest - lowest + 1);
      tensor.add_int32_data(static_cast<std::int32_t>(lowest + static_cast<std::int64_t>((state_ >> 8) % span)));
    }
  }
  void parameters(const std::string& name, const Shape& shape, float value, DataType type) {
    scale(name + ".scale", shape, value);
    integers(name + ".zero", shape, type, type == i8 ? -5 : 3, type == i8 ? 5 : 60);
  }
  onnx::NodeProto& microsoft(const std::string& op_type, const std::vector<std::string>& inputs) {
    onnx::NodeProto& made = node(op_type, inputs, {"y"}, "op");
    made.set_domain("com.microsoft");
    return made;
  }

 private:
  onnx::TensorProto& initializer(const std::string& name, const Shape& shape, DataType type) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(static_cast<int>(type));
    for (const std::int64_t extent : shape) tensor.add_dims(extent);
    return tensor;
  }

  std::uint32_t state_ = 7;
};

struct LinearCase {
  const char* op_type;
  std::int64_t opset;
  Shape input, parameters;
  std::vector<std::int64_t> axis;
  test::Expected expected;
  bool zero_point = true, microsoft = false;
};

void check(test::RuleChecks& checks, const LinearCase& c) {
  Quantised build(c.opset);
  const bool quantise = std::string_view(c.op_type) == "QuantizeLinear";
  build.input("x", c.input, quantise ? DataType::float32 : u8).output("y", {}, quantise ? u8 : DataType::float32);
  build.parameters("p", c.parameters, 0.01F, u8);
  std::vector<std::string> inputs{"x", "p.scale"};
  if (c.zero_point) inputs.emplace_back("p.zero");
  onnx::NodeProto& node = c.microsoft ? build.microsoft(c.op_type, inputs) : build.node(c.op_type, inputs, {"y"}, "op");
  for (const std::int64_t axis : c.axis) build.integer(node, "axis", axis);
  checks.add(std::string(c.op_type) + " " + to_string(c.input) + " " + to_string(c.parameters) + " opset " +
                 std::to_string(c.opset),
             build, c.expected);
}

struct ConvCase {
  const char* name;
  Shape input, kernel;  // kernel: spatial
  std::int64_t out_channels, groups;
  std::vector<std::int64_t> strides, dilations, pads;
  bool listed;  // scales and zero points by output channel
};

const std::vector<ConvCase> convolutions{
    {"plain", {1, 5, 9, 7}, {3, 3}, 6, 1, {1, 1}, {1, 1}, {1, 1, 1, 1}, false},
    {"listed", {2, 5, 9, 7}, {3, 3}, 6, 1, {1, 1}, {1, 1}, {1, 1, 1, 1}, true},
    {"strided", {1, 4, 11, 10}, {3, 2}, 5, 1, {2, 3}, {1, 1}, {0, 1, 2, 0}, true},
    {"dilated", {1, 3, 13, 12}, {3, 3}, 4, 1, {1, 2}, {3, 2}, {3, 2, 1, 2}, true},
    {"grouped", {1, 12, 6, 6}, {3, 3}, 20, 4, {1, 1}, {1, 1}, {1, 1, 1, 1}, true},
    {"depthwise", {1, 7, 8, 8}, {3, 3}, 7, 7, {2, 2}, {1, 1}, {1, 1, 1, 1}, true},
    {"one axis", {1, 6, 17}, {5}, 4, 2, {2}, {2}, {3, 4}, true},
    {"three axes", {1, 3, 5, 6, 7}, {3, 3, 2}, 4, 1, {1, 2, 1}, {1, 1, 2}, {1, 0, 1, 1, 1, 0}, false},
};

void set_windows(onnx::NodeProto& node, const ConvCase& c) {
  Quantised::ints(node, "strides", c.strides);
  Quantised::ints(node, "dilations", c.dilations);
  Quantised::ints(node, "pads", c.pads);
  Quantised::integer(node, "group", c.groups);
}

Shape weight_shape(const ConvCase& c) {
  Shape shape{c.out_channels, c.input[1] / c.groups};
  shape.insert(shape.end(), c.kernel.begin(), c.kernel.end());
  return shape;
}

void check_linear_convolution(test::RuleChecks& checks, const ConvCase& c, bool bias, DataType weights) {
  Quantised build(10);
  build.input("x", c.input, u8).output("y", {}, u8);
  build.parameters("x", {}, 0.02F, u8);
  build.scale("w.scale", c.listed ? Shape{c.out_channels} : Shape{}, 0.01F);
  build.integers("w.zero", c.listed ? Shape{c.out_channels} : Shape{}, weights, 0, 0);
  build.integers("w", weight_shape(c), weights, weights == i8 ? -60 : 0, 60);
  build.scale("y.scale", {}, 0.1F);
  build.integers("y.zero", {}, u8, 100, 120);
  std::vector<std::string> inputs{"x", "x.scale", "x.zero", "w", "w.scale", "w.zero", "y.scale", "y.zero"};
  if (bias) {
    build.integers("b", {c.out_channels}, DataType::int32, -500, 500);
    inputs.emplace_back("b");
  }
  set_windows(build.node("QLinearConv", inputs, {"y"}, "op"), c);
  checks.add(std::string("QLinearConv ") + c.name, build);
}

void check_integer_convolution(test::RuleChecks& checks, const ConvCase& c, const std::vector<std::string>& zeros) {
  Quantised build(10);
  build.input("x", c.input, u8).output("y", {}, DataType::int32);
  build.integers("w", weight_shape(c), u8, 0, 60);
  build.integers("x.zero", {}, u8, 9, 9);
  build.integers("w.zero", {}, u8, 30, 30);
  std::vector<std::string> inputs{"x", "w"};
  inputs.insert(inputs.end(), zeros.begin(), zeros.end());
  set_windows(build.node("ConvInteger", inputs, {"y"}, "op"), c);
  checks.add(std::string("ConvInteger ") + c.name, build);
}

void check_products(test::RuleChecks& checks, const Shape& a, const Shape& b, bool listed) {
  const Shape parameters = listed ? Shape{b.back()} : Shape{};
  {
    Quantised build(10);
    build.input("a", a, u8).output("y", {}, DataType::int32);
    build.integers("b", b, i8, -60, 60);
    build.integers("a.zero", {}, u8, 40, 40);
    build.integers("b.zero", parameters, i8, -9, 9);
    build.node("MatMulInteger", {"a", "b", "a.zero", "b.zero"}, {"y"}, "op");
    checks.add("MatMulInteger " + to_string(a) + " " + to_string(b), build);
  }
  Quantised build(10);
  build.input("a", a, u8).output("y", {}, u8);
  build.integers("b", b, i8, -60, 60);
  build.parameters("a", {}, 0.02F, u8);
  build.parameters("b", parameters, 0.01F, i8);
  build.parameters("y", {}, 0.1F, u8);
  build.node("QLinearMatMul", {"a", "a.scale", "a.zero", "b", "b.scale", "b.zero", "y.scale", "y.zero"}, {"y"}, "op");
  checks.add("QLinearMatMul " + to_string(a) + " " + to_string(b), build);
}

}  // namespace

TEST_CASE("parts of QuantizeLinear and DequantizeLinear equal the parts of the whole") {
  test::RuleChecks checks;
  for (const char* op : {"QuantizeLinear", "DequantizeLinear"}) {
    for (const std::int64_t opset : {10, 13, 19, 21}) {
      check(checks, {op, opset, {2, 5, 7, 6}, {}, {}, {}});
      check(checks, {op, opset, {2, 5, 7, 6}, {}, {}, {}, false});
      if (opset == 10) continue;
      check(checks, {op, opset, {2, 5, 7, 6}, {5}, {}, {}});
      check(checks, {op, opset, {2, 5, 7, 6}, {6}, {-1}, {}, false});
      check(checks, {op, opset, {4, 3}, {4}, {0}, {}});
      check(checks, {op, opset, {2, 1, 3}, {1}, {}, {}});
      check(checks, {op, opset, {6}, {}, {}, {}});
    }
    check(checks, {op, 13, {2, 5, 7, 6}, {}, {}, {}, true, true});
    check(checks, {op, 13, {2, 5, 7, 6}, {5}, {1}, {}, true, true});
  }
}

TEST_CASE("a quantisation that names its result's type is computed in parts") {
  test::RuleChecks checks;
  Quantised build(21);
  build.input("x", {2, 5, 7, 6}).output("y", {}, i8);
  build.scale("s", {5}, 0.01F);
  build.integer(build.node("QuantizeLinear", {"x", "s"}, {"y"}, "op"), "output_dtype", static_cast<std::int64_t>(i8));
  checks.add("output_dtype", build);
}

TEST_CASE("parts of a convolution between quantisations equal the parts of the whole") {
  test::RuleChecks checks;
  Quantised build(13);
  build.input("x", {1, 5, 9, 8}).output("y");
  build.scale("s", {}, 0.01F);
  build.integers("z", {}, u8, 128, 128);
  build.scale("w.scale", {6}, 0.005F);
  build.integers("w.zero", {6}, i8, 0, 0);
  build.integers("w", {6, 5, 3, 3}, i8, -120, 120);
  build.scale("b.scale", {6}, 0.00005F);
  build.integers("b", {6}, DataType::int32, -3000, 3000);
  build.scale("r.scale", {}, 0.03F);
  build.node("QuantizeLinear", {"x", "s", "z"}, {"xq"}, "xq");
  build.node("DequantizeLinear", {"xq", "s", "z"}, {"xd"}, "xd");
  build.integer(build.node("DequantizeLinear", {"w", "w.scale", "w.zero"}, {"wd"}, "wd"), "axis", 0);
  build.integer(build.node("DequantizeLinear", {"b", "b.scale"}, {"bd"}, "bd"), "axis", 0);
  build.ints(build.node("Conv", {"xd", "wd", "bd"}, {"c"}, "c"), "pads", {1, 1, 1, 1});
  build.node("Relu", {"c"}, {"r"}, "r");
  build.node("QuantizeLinear", {"r", "r.scale", "z"}, {"rq"}, "rq");
  build.node("DequantizeLinear", {"rq", "r.scale", "z"}, {"y"}, "rd");
  checks.add("between quantisations", build);
}

TEST_CASE("blocked quantisation is computed whole") {
  test::RuleChecks checks;
  Quantised build(21);
  build.input("x", {4, 6}, u8).output("y");
  build.parameters("p", {4, 2}, 0.01F, u8);
  onnx::NodeProto& node = build.node("DequantizeLinear", {"x", "p.scale", "p.zero"}, {"y"}, "op");
  build.integer(node, "axis", 1);
  build.integer(node, "block_size", 3);
  checks.add("blocked", build, test::whole);
}

TEST_CASE("a quantisation whose scale depends on the whole tensor is computed whole") {
  test::RuleChecks checks;
  Quantised build(11);
  build.input("x", {4, 6}).output("y", {}, u8).output("s").output("z", {}, u8);
  build.node("DynamicQuantizeLinear", {"x"}, {"y", "s", "z"}, "op");
  checks.add("dynamic", build, test::whole);
}

TEST_CASE("parts of quantised convolutions equal the parts of the whole") {
  test::RuleChecks checks;
  for (const ConvCase& c : convolutions) {
    check_linear_convolution(checks, c, true, i8);
    check_linear_convolution(checks, c, false, u8);
    if (c.listed) continue;
    check_integer_convolution(checks, c, {});
    check_integer_convolution(checks, c, {"x.zero"});
    check_integer_convolution(checks, c, {"x.zero", "w.zero"});
  }
  for (ConvCase c : convolutions) {
    c.listed = false;
    check_integer_convolution(checks, c, {"x.zero", "w.zero"});
  }
}

TEST_CASE("parts of integer products equal the parts of the whole") {
  test::RuleChecks checks;
  for (const bool listed : {false, true}) {
    check_products(checks, {5, 7}, {7, 9}, listed);
    check_products(checks, {1, 33}, {33, 10}, listed);
    check_products(checks, {2, 3, 5, 7}, {7, 4}, listed);
  }
  check_products(checks, {2, 3, 5, 7}, {3, 7, 4}, false);
  check_products(checks, {5, 7}, {2, 7, 4}, false);
}

TEST_CASE("parts of Microsoft's quantised arithmetic equal the parts of the whole") {
  test::RuleChecks checks;
  for (const char* op : {"QLinearAdd", "QLinearMul"})
    for (const Shape& other : {Shape{2, 5, 7, 6}, Shape{5, 1, 1}, Shape{1}, Shape{6}, Shape{2, 1, 7, 1}}) {
      Quantised build;
      build.input("a", {2, 5, 7, 6}, u8).input("b", other, u8).output("y", {}, u8);
      build.parameters("a", {}, 0.02F, u8);
      build.parameters("b", {}, 0.03F, u8);
      build.parameters("c", {}, 0.05F, u8);
      build.microsoft(op, {"a", "a.scale", "a.zero", "b", "b.scale", "b.zero", "c.scale", "c.zero"});
      checks.add(std::string(op) + " " + to_string(other), build);
    }
  for (const char* op : {"QLinearSigmoid", "QLinearLeakyRelu"}) {
    Quantised build;
    build.input("x", {2, 5, 7, 6}, u8).output("y", {}, u8);
    build.parameters("x", {}, 0.02F, u8);
    build.parameters("y", {}, 0.01F, u8);
    onnx::NodeProto& node = build.microsoft(op, {"x", "x.scale", "x.zero", "y.scale", "y.zero"});
    if (std::string_view(op) == "QLinearLeakyRelu") build.real(node, "alpha", 0.1F);
    checks.add(op, build);
  }
}

TEST_CASE("parts of Microsoft's quantised global average equal the parts of the whole") {
  test::RuleChecks checks;
  for (const std::int64_t last : {0, 1}) {
    Quantised build;
    build.input("x", {2, 5, 7, 6}, u8).output("y", {}, u8);
    build.parameters("x", {}, 0.02F, u8);
    build.parameters("y", {}, 0.01F, u8);
    build.integer(build.microsoft("QLinearGlobalAveragePool", {"x", "x.scale", "x.zero", "y.scale", "y.zero"}),
                  "channels_last", last);
    checks.add("channels last " + std::to_string(last), build, last == 0 ? test::Expected{} : test::whole);
  }
}

TEST_CASE("parts of Microsoft's quantised concatenation equal the parts of the whole") {
  test::RuleChecks checks;
  for (const std::int64_t axis : {1, -1}) {
    Quantised build;
    build.parameters("y", {}, 0.03F, u8);
    std::vector<std::string> inputs{"y.scale", "y.zero"};
    std::int64_t extent = 1;
    for (const std::string name : {"a", "b", "c"}) {
      Shape shape{2, 4, 5, 3};
      shape[axis == 1 ? 1 : 3] = extent++;
      build.input(name, shape, u8);
      build.parameters(name, {}, 0.01F * static_cast<float>(extent), u8);
      for (const char* suffix : {"", ".scale", ".zero"}) inputs.push_back(name + suffix);
    }
    build.output("y", {}, u8);
    build.integer(build.microsoft("QLinearConcat", inputs), "axis", axis);
    checks.add("concat axis " + std::to_string(axis), build);
  }
}

}  // namespace dse
