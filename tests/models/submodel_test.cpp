// Sub-models: layer by layer they compute what the undivided network computes.
#include "models/submodel.hpp"

#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>
#include <map>

#include "base/error.hpp"
#include "engine/engine.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse {
namespace {

using Values = std::map<TensorId, engine::OwnedTensor>;

std::vector<std::byte> made_up(const TensorType& tensor, std::uint32_t seed) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.bytes()));
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    seed = seed * 1664525U + 1013904223U;
    const float value = static_cast<float>(seed >> 8) / 16777216.0F - 0.5F;
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof value, &value, sizeof value);
  }
  return bytes;
}

// Runs the sub-model on values that are there already and adds its outputs.
void run(const Network& network, const SubmodelRequest& request, Values& values) {
  const std::string text = write_submodel(network, request);
  const engine::Session session = engine::Engine::instance().load(std::as_bytes(std::span(text.data(), text.size())));
  std::vector<engine::ConstTensorView> inputs;
  for (const TensorId id : request.inputs) inputs.push_back({values.at(id).tensor, values.at(id).data.data()});
  std::vector<engine::OwnedTensor> outputs = session.run(inputs);
  REQUIRE(outputs.size() == request.outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CHECK(outputs[i].tensor == network.tensors()[request.outputs[i]].tensor);
    values[request.outputs[i]] = std::move(outputs[i]);
  }
}

Values network_inputs(const Network& network) {
  Values values;
  for (const TensorId id : network.inputs())
    values[id] = {network.tensors()[id].tensor,
                  made_up(network.tensors()[id].tensor, static_cast<std::uint32_t>(id) + 1)};
  return values;
}

double largest_difference(const engine::OwnedTensor& a, const engine::OwnedTensor& b) {
  double difference = 0;
  double magnitude = 1e-30;
  for (std::size_t at = 0; at < a.data.size(); at += sizeof(float)) {
    float x = 0;
    float y = 0;
    std::memcpy(&x, a.data.data() + at, sizeof x);
    std::memcpy(&y, b.data.data() + at, sizeof y);
    magnitude = std::max(magnitude, std::abs(static_cast<double>(x)));
    difference = std::isnan(x) || std::isnan(y) ? INFINITY : std::max(difference, std::abs(static_cast<double>(x) - y));
  }
  return difference / magnitude;
}

void check_layer_by_layer(const Network& network) {
  Values whole = network_inputs(network);
  run(network, whole_network(network), whole);
  Values pieces = network_inputs(network);
  for (LayerId id = 0; id < network.layers().size(); ++id)
    run(network, {network.layers()[id].name, {id}, network.layers()[id].inputs, network.layers()[id].outputs, {}},
        pieces);
  for (const TensorId id : network.outputs()) CHECK(largest_difference(whole.at(id), pieces.at(id)) < 1e-4);
}

}  // namespace

TEST_CASE("layer by layer equals the whole") {
  check_layer_by_layer(*test::chain_network(3));
  check_layer_by_layer(*test::residual_network());
  check_layer_by_layer(*test::branch_network());
  check_layer_by_layer(*test::two_output_network());
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    check_layer_by_layer(*test::random_network(seed));
  }
}

TEST_CASE("a tensor may be read inside and leave as well") {
  const test::SmallNetwork small = test::chain_network(3);
  const Network& network = *small;
  Values values = network_inputs(network);
  std::vector<TensorId> made;
  for (const Layer& layer : network.layers()) made.insert(made.end(), layer.outputs.begin(), layer.outputs.end());
  run(network, {"all", {0, 1, 2}, network.inputs(), made, {}}, values);
  CHECK(values.size() == 1 + made.size());
}

TEST_CASE("a network input may be a network output") {
  test::OnnxBuild build;
  build.input("x", {1, 4}).output("x").output("y");
  build.node("Relu", {"x"}, {"y"}, "act");
  const test::SmallNetwork small("through", build.serialised());
  const Network& network = *small;
  CHECK(network.tensors()[network.outputs()[0]].producer == std::nullopt);
  Values values = network_inputs(network);
  const engine::OwnedTensor before = values.begin()->second;
  run(network, whole_network(network), values);
  CHECK(values.at(network.outputs()[0]).data == before.data);
}

TEST_CASE("weights go where they are asked to go, small ones stay inside") {
  const test::SmallNetwork small = test::chain_network(2);
  const Network& network = *small;
  const std::vector<WeightId> outside = external_weights(network, {0, 1});
  REQUIRE(outside.size() == 1);  // 8x3x3x3 floats are 864 bytes, 8x8x3x3 are 2304
  CHECK(network.weights()[outside[0]].name == "conv2.w");

  const TempDir folder("dse-test");
  const Weight& weight = network.weights()[outside[0]];
  write_file(folder.path() / "weights.bin",
             std::string(64, 'z') + std::string(reinterpret_cast<const char*>(weight.data),
                                                static_cast<std::size_t>(weight.tensor.bytes())));
  SubmodelRequest request = whole_network(network);
  request.locate = [](WeightId) { return WeightLocation{"weights.bin", 64}; };
  const std::string text = write_submodel(network, request);
  CHECK(text.size() < write_submodel(network, whole_network(network)).size());
  write_file(folder.path() / "m.onnx", text);

  Values values = network_inputs(network);
  const engine::ConstTensorView input{values.begin()->second.tensor, values.begin()->second.data.data()};
  const std::vector<engine::OwnedTensor> outputs =
      engine::Engine::instance().load(folder.path() / "m.onnx").run(std::span(&input, 1));
  run(network, whole_network(network), values);
  CHECK(largest_difference(outputs[0], values.at(network.outputs()[0])) < 1e-6);
}

TEST_CASE("a sub-model imports again as the same layers") {
  const test::SmallNetwork small = test::residual_network();
  const test::SmallNetwork again("again", write_submodel(*small, whole_network(*small)));
  REQUIRE(again->layers().size() == small->layers().size());
  for (LayerId id = 0; id < again->layers().size(); ++id) {
    CHECK(again->layers()[id].name == small->layers()[id].name);
    CHECK(again->layers()[id].signature == small->layers()[id].signature);
  }
  CHECK(again->parameters() == small->parameters());
}

TEST_CASE("operator sets are kept, old files get the IR version that sub-models need") {
  test::OnnxBuild build(9, 3);
  build.input("x", {1, 4}).output("y");
  build.node("Relu", {"x"}, {"y"}, "act");
  const test::SmallNetwork small("old", build.serialised());
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(write_submodel(*small, whole_network(*small))));
  CHECK(model.ir_version() == 4);
  REQUIRE(model.opset_import_size() == 1);
  CHECK(model.opset_import(0).version() == 9);
}

TEST_CASE("requests that do not close over their inputs are refused") {
  const test::SmallNetwork small = test::chain_network(2);
  CHECK_THROWS_AS(write_submodel(*small, {"m", {1}, {}, small->layers()[1].outputs, {}}), Error);
  CHECK_THROWS_AS(write_submodel(*small, {"m", {0}, small->layers()[0].inputs, small->layers()[1].outputs, {}}), Error);
}

}  // namespace dse
