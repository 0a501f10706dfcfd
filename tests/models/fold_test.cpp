// Folding: what the engine would compute once arrives as a weight, with the engine's own values.
#include <doctest/doctest.h>

#include <cstring>

#include "models/graph.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse {
namespace {

using test::OnnxBuild;
using test::SmallNetwork;

std::vector<float> floats(const Weight& weight) {
  std::vector<float> values(static_cast<std::size_t>(weight.tensor.elements()));
  std::memcpy(values.data(), weight.data, values.size() * sizeof(float));
  return values;
}

onnx::AttributeProto& value_attribute(onnx::NodeProto& node) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name("value");
  attribute.set_type(onnx::AttributeProto::TENSOR);
  return attribute;
}

}  // namespace

TEST_CASE("initializers that are listed as inputs are weights") {
  OnnxBuild build(8, 3);
  build.input("x", {1, 4}).input("w", {4}).output("y", {1, 4});
  build.weight("w", {4});
  build.node("Add", {"x", "w"}, {"y"}, "add");
  const SmallNetwork network("m", build.serialised());
  CHECK(network->inputs().size() == 1);
  CHECK(network->weights().size() == 1);
  CHECK(network->parameters() == 4);
}

TEST_CASE("Constant nodes are weights") {
  OnnxBuild build;
  build.input("x", {1, 2}).output("y", {1, 2});
  onnx::NodeProto& constant = build.node("Constant", {}, {"c"});
  onnx::TensorProto& tensor = *value_attribute(constant).mutable_t();
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(2);
  tensor.add_float_data(3);
  tensor.add_float_data(4);
  build.node("Mul", {"x", "c"}, {"y"}, "scale");
  const SmallNetwork network("m", build.serialised());
  REQUIRE(network->weights().size() == 1);
  CHECK(floats(network->weights()[0]) == std::vector<float>{3, 4});
}

TEST_CASE("ConstantOfShape is filled") {
  OnnxBuild build;
  build.input("x", {1, 5}).output("y", {1, 5}).values("shape", {1, 5});
  onnx::TensorProto& tensor = *value_attribute(build.node("ConstantOfShape", {"shape"}, {"c"})).mutable_t();
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(1);
  tensor.add_float_data(0.5F);
  build.node("Add", {"x", "c"}, {"y"}, "add");
  const SmallNetwork network("m", build.serialised());
  REQUIRE(network->weights().size() == 1);
  CHECK(floats(network->weights()[0]) == std::vector<float>(5, 0.5F));
  CHECK(network->layers().size() == 1);
}

TEST_CASE("Shape, Gather, Concat, Reshape fold to one Reshape with a constant") {
  OnnxBuild build;
  build.symbolic_input("x", {"N", "4", "3", "3"});
  build.values("zero", {0}).values("rest", {-1});
  build.node("Shape", {"x"}, {"shape"});
  OnnxBuild::integer(build.node("Gather", {"shape", "zero"}, {"batch"}), "axis", 0);
  OnnxBuild::integer(build.node("Concat", {"batch", "rest"}, {"target"}), "axis", 0);
  build.node("Reshape", {"x", "target"}, {"y"}, "flatten");
  build.output("y");
  const SmallNetwork network("m", build.serialised());
  REQUIRE(network->layers().size() == 1);
  CHECK(network->layers()[0].op_type == "Reshape");
  CHECK_FALSE(network->layers()[0].whole);
  CHECK(network->tensors().back().tensor.shape == Shape{1, 36});
  REQUIRE(network->weights().size() == 1);
  std::int64_t target[2] = {};
  REQUIRE(network->weights()[0].tensor.bytes() == sizeof target);
  std::memcpy(target, network->weights()[0].data, sizeof target);
  CHECK(target[0] == 1);
  CHECK(target[1] == -1);
}

TEST_CASE("weights that are computed from weights come from the engine") {
  OnnxBuild build;
  build.input("x", {1, 3}).output("y", {1, 3}).weight("a", {3}).weight("b", {3});
  build.node("Mul", {"a", "b"}, {"ab"});
  build.node("Neg", {"ab"}, {"c"});
  build.node("Add", {"x", "c"}, {"y"}, "add");
  const SmallNetwork network("m", build.serialised());
  REQUIRE(network->layers().size() == 1);
  REQUIRE(network->weights().size() == 1);
  const auto& initializers = build.graph().initializer();
  for (int i = 0; i < 3; ++i)
    CHECK(floats(network->weights()[0])[static_cast<std::size_t>(i)] ==
          doctest::Approx(-initializers[0].float_data(i) * initializers[1].float_data(i)));
}

TEST_CASE("random operators, dead nodes and equal weights") {
  OnnxBuild build;
  build.input("x", {1, 3}).output("y", {1, 3}).weight("a", {3});
  onnx::TensorProto copy = build.graph().initializer(0);
  copy.set_name("b");
  *build.graph().add_initializer() = copy;
  build.node("Add", {"x", "a"}, {"s"}, "first");
  build.node("Add", {"s", "b"}, {"t"}, "second");
  OnnxBuild::ints(build.node("RandomNormal", {}, {"noise"}, "noise"), "shape", {1, 3});
  build.node("Add", {"t", "noise"}, {"y"}, "third");
  build.node("Relu", {"t"}, {"nobody"}, "dead");
  const SmallNetwork network("m", build.serialised());
  CHECK(network->weights().size() == 1);
  CHECK(network->parameters() == 6);  // equal by chance, but two
  CHECK(network->layer_named("noise").has_value());
  CHECK_FALSE(network->layer_named("dead").has_value());
  CHECK(network->graph().nodes.size() == 4);
}

TEST_CASE("an output that is constant keeps its name") {
  OnnxBuild build;
  build.input("x", {1, 3}).output("y", {1, 3}).output("k").weight("a", {3});
  build.node("Neg", {"a"}, {"k"}, "constant");
  build.node("Add", {"x", "k"}, {"y"}, "add");
  const SmallNetwork network("m", build.serialised());
  REQUIRE(network->outputs().size() == 2);
  CHECK(network->tensors()[network->outputs()[1]].name == "k");
  CHECK(network->layers().size() == 2);
}

TEST_CASE("shapes that depend on data make one whole layer to the end") {
  OnnxBuild build;
  build.input("x", {1, 3, 4, 4});
  build.conv("x", "c", 3, 2);
  build.node("NonZero", {"c"}, {"where"}, "where");
  OnnxBuild::ints(build.node("Transpose", {"where"}, {"y"}, "turn"), "perm", {1, 0});
  build.output("y", {}, DataType::int64);
  const SmallNetwork network("m", build.serialised());
  REQUIRE(network->layers().size() == 2);
  CHECK_FALSE(network->layers()[0].whole);
  CHECK(network->layers()[1].whole);
  CHECK(network->layers()[1].nodes.size() == 2);
  CHECK(network->notes().size() == 1);
}

}  // namespace dse
