// The zoo's networks run: their outputs are alive, depend on the input, and tell when two channels of a layer are
// swapped.
#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/files.hpp"
#include "engine/engine.hpp"
#include "models/zoo.hpp"
#include "models/zoo/random.hpp"

using namespace dse;

namespace {

using Output = std::vector<float>;

onnx::ModelProto made(const std::string& name) {
  const TempDir folder("dse-zoo");
  const fs::path path = folder.path() / "model.onnx";
  zoo::make(name, path);
  onnx::ModelProto model;
  REQUIRE(model.ParseFromString(read_text(path, std::uint64_t{1} << 31)));
  return model;
}

// Uniform in 0..1, as scaled pixels are.
std::vector<float> frame(const TensorType& type, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(type.elements()));
  zoo::draw({zoo::Distribution::Kind::uniform, 0.5, 0.5, 0}, zoo::stream_key(seed, "frame"), 0, values);
  return values;
}

std::vector<Output> run(const engine::Session& session, std::uint64_t seed) {
  const TensorType& type = session.inputs().at(0).tensor;
  const std::vector<float> input = frame(type, seed);
  const engine::ConstTensorView view{type, input.data()};
  std::vector<Output> outputs;
  for (const engine::OwnedTensor& tensor : session.run({&view, 1})) {
    Output values(static_cast<std::size_t>(tensor.tensor.elements()));
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    outputs.push_back(std::move(values));
  }
  return outputs;
}

engine::Session session_of(const onnx::ModelProto& model) {
  const std::string bytes = model.SerializeAsString();
  return engine::Engine::instance().load(std::as_bytes(std::span(bytes)));
}

double deviation(const Output& values) {
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double mean = sum / static_cast<double>(values.size());
  return std::sqrt(squares / static_cast<double>(values.size()) - mean * mean);
}

// For each output the largest change of an element, in standard deviations of that output.
std::vector<double> changes(const std::vector<Output>& a, const std::vector<Output>& b) {
  std::vector<double> all;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double largest = 0;
    for (std::size_t j = 0; j < a[i].size(); ++j)
      largest = std::max(largest, static_cast<double>(std::abs(a[i][j] - b[i][j])));
    all.push_back(largest / deviation(a[i]));
  }
  return all;
}

void check_alive(const Output& values) {
  CHECK(std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }));
  CHECK(deviation(values) > 0.05);
  CHECK(deviation(values) < 20);
  const std::set<float> distinct(values.begin(), values.end());
  CHECK(distinct.size() * 10 > values.size() * 9);
}

// Swaps the weights of the first and the last output channel of a node's filter.
void swap_channels(onnx::ModelProto& model, const std::string& weight) {
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.name() != weight) continue;
    std::string& data = *tensor.mutable_raw_data();
    const auto channels = static_cast<std::size_t>(tensor.dims(0));
    const std::size_t size = data.size() / channels;
    std::swap_ranges(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size),
                     data.end() - static_cast<std::ptrdiff_t>(size));
    return;
  }
  FAIL("no such weight");
}

// The filters of a model in the order of its nodes, without those that are stored by input channel.
std::vector<std::string> filters(const onnx::ModelProto& model) {
  std::vector<std::string> names;
  for (const onnx::NodeProto& node : model.graph().node())
    if (node.op_type() == "Conv" || node.op_type() == "Gemm")
      if (node.name() != "conv") names.push_back(node.input(1));  // the U-Net's last has one channel
  return names;
}

void check_swaps(onnx::ModelProto& model, const std::vector<Output>& reference,
                 const std::vector<std::string>& weights) {
  for (const std::string& weight : weights) {
    CAPTURE(weight);
    swap_channels(model, weight);
    const std::vector<double> change = changes(reference, run(session_of(model), 1));
    CHECK(*std::max_element(change.begin(), change.end()) > 1e-3);
    swap_channels(model, weight);
  }
}

}  // namespace

TEST_CASE("zoo: outputs are alive and depend on the input, and a swap of two channels shows") {
  // the two VGGs are built by what the others test, and would cost more than all of them together
  struct Case {
    std::string name;
    std::vector<double> depths;  // of the swapped layers, as fractions
  };
  const std::vector<Case> cases{
      {"alexnet", {0.8}},      {"resnet18", {0, 0.5, 0.9}},      {"resnet50", {0.5}},
      {"resnet101", {}},       {"mobilenetv2", {0, 0.5, 0.9}},   {"densenet121", {0, 0.5, 0.9}},
      {"densenet264", {}},     {"squeezenet1.1", {0, 0.5, 0.9}}, {"googlenet", {0, 0.5, 0.9}},
      {"unet", {0, 0.5, 0.9}}, {"yolov4-tiny", {0, 0.5, 0.9}}};
  for (const Case& tested : cases) {
    CAPTURE(tested.name);
    onnx::ModelProto model = made(tested.name);
    const engine::Session session = session_of(model);
    REQUIRE(session.outputs().size() == static_cast<std::size_t>(model.graph().output_size()));
    const std::vector<Output> first = run(session, 1);
    for (const Output& output : first) check_alive(output);
    for (const double change : changes(first, run(session, 2))) CHECK(change > 0.05);
    const std::vector<std::string> all = filters(model);
    std::vector<std::string> swapped;
    for (const double depth : tested.depths)
      swapped.push_back(all[static_cast<std::size_t>(depth * static_cast<double>(all.size()))]);
    check_swaps(model, first, swapped);
  }
}

TEST_CASE("zoo: a swap of two channels shows in every layer of the test network") {
  onnx::ModelProto model = made("tiny");
  const std::vector<Output> first = run(session_of(model), 1);
  for (const Output& output : first) check_alive(output);
  check_swaps(model, first, filters(model));
}

TEST_CASE("zoo: the engine reads external weights, and the outputs are those of the embedded ones") {
  const TempDir folder("dse-zoo");
  zoo::make("squeezenet1.1", folder.path() / "in.onnx");
  zoo::make("squeezenet1.1", folder.path() / "out.onnx", {1, true});
  const engine::Engine& engine = engine::Engine::instance();
  CHECK(run(engine.load(folder.path() / "in.onnx"), 1) == run(engine.load(folder.path() / "out.onnx"), 1));
}
