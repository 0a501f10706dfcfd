#include "models/layers.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse {
namespace {

using test::OnnxBuild;
using test::SmallNetwork;

std::vector<std::string> names(const Network& network) {
  std::vector<std::string> result;
  for (const Layer& layer : network.layers()) result.push_back(layer.name);
  return result;
}

const Layer& layer(const Network& network, const std::string& name) {
  return network.layers().at(network.layer_named(name).value());
}

SmallNetwork import(OnnxBuild& build) { return {"m", build.serialised()}; }

// Every layer's inputs come from earlier layers, and producers and consumers agree with the layers' lists.
void check_consistent(const Network& network) {
  for (LayerId id = 0; id < network.layers().size(); ++id) {
    for (const TensorId input : network.layers()[id].inputs) {
      const NetworkTensor& tensor = network.tensors()[input];
      CHECK((!tensor.producer || *tensor.producer < id));
      CHECK(std::count(tensor.consumers.begin(), tensor.consumers.end(), id) == 1);
    }
    for (const TensorId output : network.layers()[id].outputs) CHECK(network.tensors()[output].producer == id);
  }
  for (const NetworkTensor& tensor : network.tensors())
    CHECK(std::is_sorted(tensor.consumers.begin(), tensor.consumers.end()));
}

void quantise(OnnxBuild& build, const std::string& op, const std::string& in, const std::string& out) {
  build.node(op, {in, "scale", "zero"}, {out}, out);
}

}  // namespace

TEST_CASE("a convolution takes its whole element-wise tail") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y", {1, 4, 8, 8});
  build.conv("x", "c", 4, 4);
  for (const char* name : {"gamma", "beta", "mean", "var"}) build.weight(name, {4});
  build.node("BatchNormalization", {"c", "gamma", "beta", "mean", "var"}, {"n"}, "n");
  build.weight("three", {1});
  build.node("Add", {"n", "three"}, {"a"}, "a");
  build.node("LeakyRelu", {"a"}, {"l"}, "l");
  build.node("Dropout", {"l"}, {"y", "mask"}, "d");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"c"});
  CHECK(layer(*network, "c").nodes.size() == 5);
  CHECK(layer(*network, "c").op_type == "Conv");
  CHECK(layer(*network, "c").inputs.size() == 1);
  CHECK(layer(*network, "c").weight_bytes == 4 * (4 * 4 * 9 + 4 + 4 * 4 + 1));
}

TEST_CASE("a tail is not fused over a second reader or a graph output") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y").output("r").output("s");
  build.conv("x", "c", 4, 4);
  build.node("Relu", {"c"}, {"r"}, "r");
  build.node("Sigmoid", {"c"}, {"s"}, "s");
  build.node("Neg", {"r"}, {"y"}, "y");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"c", "r", "s", "y"});
  check_consistent(*network);
}

TEST_CASE("x + x reads its producer once and is fused") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y");
  build.conv("x", "c", 4, 4);
  build.node("Add", {"c", "c"}, {"y"}, "twice");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"c"});
}

TEST_CASE("SiLU: the sigmoid starts a layer that reads the convolution twice over") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y");
  build.conv("x", "c", 4, 4);
  build.node("Sigmoid", {"c"}, {"s"}, "s");
  build.node("Mul", {"c", "s"}, {"y"}, "m");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"c", "s"});
  CHECK(layer(*network, "s").inputs.size() == 1);
  CHECK(layer(*network, "s").op_class == OperatorClass::activation);
}

TEST_CASE("a residual Add joins the later of two candidates, whose layer comes after the other") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y");
  build.conv("x", "main", 4, 4);
  build.conv("x", "skip", 4, 4, 1);
  build.node("Add", {"main", "skip"}, {"sum"}, "sum");
  build.node("Relu", {"sum"}, {"y"}, "act");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"main", "skip"});
  CHECK(layer(*network, "skip").nodes.size() == 3);
  CHECK(layer(*network, "skip").inputs.size() == 2);
  check_consistent(*network);
}

TEST_CASE("a residual operand that is made later moves the fused layer behind it") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y").output("z");
  build.conv("x", "main", 4, 4);
  build.conv("x", "other", 4, 4, 1);
  build.node("Relu", {"other"}, {"z"}, "z");
  build.node("Neg", {"z"}, {"n"}, "n");
  build.node("MaxPool", {"n"}, {"p"}, "pool");
  OnnxBuild::ints(*build.graph().mutable_node(4), "kernel_shape", {1, 1});
  build.node("Neg", {"p"}, {"q"}, "q");
  build.node("Add", {"main", "z"}, {"t"}, "t");
  build.node("Concat", {"t", "q"}, {"y"}, "join");
  OnnxBuild::integer(*build.graph().mutable_node(7), "axis", 1);
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"other", "main", "n", "pool", "join"});
  check_consistent(*network);
}

TEST_CASE("a broadcast that grows its operand is a layer of its own") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y");
  build.node("GlobalAveragePool", {"x"}, {"pooled"}, "pool");
  build.conv("pooled", "gate", 4, 4, 1);
  build.node("HardSigmoid", {"gate"}, {"weight"}, "hs");
  build.node("Mul", {"x", "weight"}, {"y"}, "scale");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"pool", "gate", "scale"});
  CHECK(layer(*network, "scale").op_class == OperatorClass::elementwise);
}

TEST_CASE("operators with several outputs are layers with several outputs and take no tail") {
  OnnxBuild build;
  build.input("x", {1, 6, 4, 4}).output("y");
  build.values("sizes", {2, 4});
  OnnxBuild::integer(build.node("Split", {"x", "sizes"}, {"s0", "s1"}, "split"), "axis", 1);
  build.node("Relu", {"s0"}, {"r"}, "r");
  OnnxBuild::integer(build.node("Concat", {"s1", "r"}, {"y"}, "join"), "axis", 1);
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"split", "r", "join"});
  CHECK(layer(*network, "split").outputs.size() == 2);
}

TEST_CASE("DequantizeLinear, operator, QuantizeLinear is one layer; shared DequantizeLinear nodes are repeated") {
  OnnxBuild build;
  build.input("x", {1, 4, 4, 4}, DataType::uint8)
      .output("y", {}, DataType::uint8)
      .weight("scale", {})
      .weight("wscale", {});
  build.graph().mutable_initializer(0)->set_float_data(0, 0.05F);
  build.graph().mutable_initializer(1)->set_float_data(0, 0.05F);
  onnx::TensorProto& zero = *build.graph().add_initializer();
  zero.set_name("zero");
  zero.set_data_type(onnx::TensorProto::UINT8);
  zero.add_int32_data(128);
  onnx::TensorProto& weight = *build.graph().add_initializer();
  weight.set_name("w");
  weight.set_data_type(onnx::TensorProto::INT8);
  for (const std::int64_t extent : {4, 4, 1, 1}) weight.add_dims(extent);
  for (int i = 0; i < 16; ++i) weight.add_int32_data(i - 8);
  quantise(build, "DequantizeLinear", "x", "xd");
  build.node("DequantizeLinear", {"w", "wscale"}, {"wd"}, "wd");
  build.node("Conv", {"xd", "wd"}, {"c"}, "conv");
  build.node("Relu", {"c"}, {"r"}, "r");
  quantise(build, "QuantizeLinear", "r", "q");
  quantise(build, "DequantizeLinear", "q", "qd");
  build.node("Add", {"qd", "xd"}, {"a"}, "add");
  quantise(build, "QuantizeLinear", "a", "y");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"conv", "add"});
  CHECK(layer(*network, "conv").nodes.size() == 5);
  CHECK(layer(*network, "add").nodes.size() == 4);
  CHECK(layer(*network, "add").inputs.size() == 2);
  for (const NetworkTensor& tensor : network->tensors()) CHECK(tensor.tensor.type == DataType::uint8);
  CHECK(layer(*network, "conv").macs == 4 * 4 * 4 * 4);
  check_consistent(*network);
}

TEST_CASE("layer names are unique, and never empty") {
  OnnxBuild build;
  build.input("x", {1, 4, 8, 8}).output("y");
  build.conv("x", "c", 4, 4).set_name("same");
  build.conv("c", "d", 4, 4).set_name("same");
  build.conv("d", "y", 4, 4).set_name("");
  for (int i = 0; i < 3; ++i) build.graph().mutable_node(i)->set_name(i < 2 ? "same" : "");
  const SmallNetwork network = import(build);
  CHECK(names(*network) == std::vector<std::string>{"same", "same#2", "y"});
}

TEST_CASE("multiply-accumulates against hand figures") {
  OnnxBuild build;
  build.input("x", {2, 4, 9, 9}).input("t", {2, 3, 5, 6}).output("g").output("m");
  build.conv("x", "plain", 4, 8, 3, 2);           // 2 x 8 x 5 x 5 outputs, 4 x 3 x 3 each
  build.conv("plain", "grouped", 8, 8, 3, 1, 8);  // 2 x 8 x 5 x 5, 9 each
  build.weight("up.w", {8, 3, 2, 2});
  onnx::NodeProto& up =
      build.node("ConvTranspose", {"grouped", "up.w"}, {"up"}, "up");  // 2 x 8 x 5 x 5 inputs, 3 x 2 x 2 each
  OnnxBuild::ints(up, "strides", {2, 2});
  build.node("Flatten", {"up"}, {"flat"}, "flat");
  build.weight("fc", {300, 7});
  build.node("Gemm", {"flat", "fc"}, {"g"}, "fc");  // 2 x 7 x 300
  build.weight("mat", {6, 11});
  build.node("MatMul", {"t", "mat"}, {"m"}, "mat");  // 2 x 3 x 5 x 11 x 6
  const SmallNetwork network = import(build);
  CHECK(layer(*network, "plain").macs == 2 * 8 * 25 * 36);
  CHECK(layer(*network, "plain").op_class == OperatorClass::convolution);
  CHECK(layer(*network, "grouped").macs == 2 * 8 * 25 * 9);
  CHECK(layer(*network, "grouped").op_class == OperatorClass::depthwise_convolution);
  CHECK(layer(*network, "up").macs == 2 * 8 * 25 * 12);
  CHECK(layer(*network, "up").op_class == OperatorClass::transposed_convolution);
  CHECK(layer(*network, "fc").macs == 2 * 7 * 300);
  CHECK(layer(*network, "mat").macs == 2 * 3 * 5 * 11 * 6);
  CHECK(layer(*network, "flat").operations == 600);
  CHECK(network->macs() == 2 * 8 * 25 * (36 + 9 + 12) + 4200 + 1980);
}

TEST_CASE("signatures: the same kernel on the same shapes, whatever its names and weights") {
  const SmallNetwork chain = test::chain_network(4);
  CHECK(chain->layers()[1].signature == chain->layers()[2].signature);
  CHECK(chain->layers()[0].signature != chain->layers()[1].signature);
  OnnxBuild strided;
  strided.input("x", {1, 8, 16, 16}).output("y");
  strided.conv("x", "c", 8, 8, 3, 2);
  strided.node("Relu", {"c"}, {"y"}, "r");
  CHECK(import(strided)->layers()[0].signature != chain->layers()[1].signature);
  CHECK(test::SmallNetwork("m", strided.serialised())->layers()[0].signature.size() <= 512);
}

TEST_CASE("random graphs: consistent, every node in exactly one layer") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    const SmallNetwork network = test::random_network(seed, 20);
    check_consistent(*network);
    std::vector<std::size_t> nodes;
    for (const Layer& each : network->layers()) nodes.insert(nodes.end(), each.nodes.begin(), each.nodes.end());
    std::sort(nodes.begin(), nodes.end());
    for (std::size_t i = 0; i < nodes.size(); ++i) CHECK(nodes[i] == i);
  }
}

}  // namespace dse
