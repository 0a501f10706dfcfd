#include "tests/support/reseed.hpp"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "deploy/reference.hpp"
#include "models/submodel.hpp"

namespace dse::test {
namespace {

struct Use {
  std::string op_type;
  int position = 0;
};

std::map<std::string, Use> uses(const onnx::GraphProto& graph) {
  std::map<std::string, Use> result;
  for (const onnx::NodeProto& node : graph.node())
    for (int i = 0; i < node.input_size(); ++i) result.try_emplace(node.input(i), Use{node.op_type(), i});
  return result;
}

bool constant_fill(const std::vector<float>& values) {
  return values.size() > 1 && std::all_of(values.begin(), values.end(), [&](float v) { return v == values.front(); });
}

// Inputs that a kernel sees for one output element: the product of all but the first dimension.
double fan_in(const onnx::TensorProto& weight) {
  double product = 1;
  for (int i = 1; i < weight.dims_size(); ++i) product *= static_cast<double>(weight.dims(i));
  return product;
}

struct Range {
  double centre = 0;
  double half_width = 0;
};

bool matrix_operator(const std::string& op) {
  return op == "Conv" || op == "ConvTranspose" || op == "Gemm" || op == "MatMul";
}

bool matrix_weight(const Use& use) { return matrix_operator(use.op_type) && use.position == 1; }

Range range_for(const Use& use, const onnx::TensorProto& weight) {
  if (matrix_weight(use)) return {0, std::sqrt(6.0 / fan_in(weight))};
  if (matrix_operator(use.op_type)) return {0, 0.1};
  if (use.op_type == "BatchNormalization")
    return use.position == 1 || use.position == 4 ? Range{1, 0.3} : Range{0, 0.2};
  return use.op_type == "Mul" || use.op_type == "Div" ? Range{1, 0.3} : Range{0, 0.2};
}

// A filter's constant part answers to the mean of its input: through many layers it drowns what depends on the input.
void remove_mean_of_each_filter(std::vector<float>& values, std::int64_t filters) {
  const std::size_t size = values.size() / static_cast<std::size_t>(filters);
  for (std::size_t begin = 0; size > 1 && begin + size <= values.size(); begin += size) {
    float sum = 0;
    for (std::size_t i = 0; i < size; ++i) sum += values[begin + i];
    for (std::size_t i = 0; i < size; ++i) values[begin + i] -= sum / static_cast<float>(size);
  }
}

// The layer that makes the logits: the nearest one with weights before a Softmax. Nothing where there is none.
std::optional<LayerId> classifier_of(const Network& network, TensorId logits) {
  for (std::optional<LayerId> at = network.tensors()[logits].producer; at;) {
    const Layer& layer = network.layers()[*at];
    if (matrix_operator(layer.op_type)) return at;
    if (layer.inputs.empty()) break;
    at = network.tensors()[layer.inputs.front()].producer;
  }
  return std::nullopt;
}

double spread(const engine::OwnedTensor& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), values.size() * sizeof(float));
  const auto [least, largest] = std::minmax_element(values.begin(), values.end());
  return values.empty() ? 0 : static_cast<double>(*largest) - static_cast<double>(*least);
}

// A saturated Softmax hides what is wrong before it: its logits are brought to a range of about 6.
void moderate_softmax(onnx::ModelProto& model, const fs::path& path) {
  constexpr double wanted = 6;
  const Network network = Network::import(path);
  deploy::Reference reference(network, engine::Engine::instance());
  for (const Layer& softmax : network.layers()) {
    if (softmax.op_type != "Softmax") continue;
    const std::optional<LayerId> classifier = classifier_of(network, softmax.inputs.front());
    const double range = spread(reference.tensors({softmax.inputs.front()}, 0).front());
    if (!classifier || range <= wanted) continue;
    for (const WeightId id : network.layers()[*classifier].weights)
      for (onnx::TensorProto& weight : *model.mutable_graph()->mutable_initializer()) {
        if (weight.name() != network.weights()[id].name || weight.data_type() != onnx::TensorProto::FLOAT) continue;
        std::vector<float> values(weight.raw_data().size() / sizeof(float));
        std::memcpy(values.data(), weight.raw_data().data(), values.size() * sizeof(float));
        for (float& value : values) value *= static_cast<float>(wanted / range);
        weight.set_raw_data(values.data(), values.size() * sizeof(float));
      }
  }
}

}  // namespace

std::size_t write_reseeded(const Network& network, const fs::path& path, std::uint64_t seed) {
  onnx::ModelProto model;
  model.ParseFromString(write_submodel(network, whole_network(network)));
  const std::map<std::string, Use> readers = uses(model.graph());
  std::mt19937_64 random(seed);
  std::size_t replaced = 0;
  for (onnx::TensorProto& weight : *model.mutable_graph()->mutable_initializer()) {
    if (weight.data_type() != onnx::TensorProto::FLOAT || !weight.has_raw_data()) continue;
    std::vector<float> values(weight.raw_data().size() / sizeof(float));
    std::memcpy(values.data(), weight.raw_data().data(), values.size() * sizeof(float));
    const auto use = readers.find(weight.name());
    if (use == readers.end() || !constant_fill(values)) continue;
    const Range range = range_for(use->second, weight);
    for (float& value : values) {
      const double unit = static_cast<double>(random() >> 11) * 0x1p-53;
      value = static_cast<float>(range.centre + range.half_width * (2 * unit - 1));
    }
    if (matrix_weight(use->second)) remove_mean_of_each_filter(values, weight.dims(0));
    weight.set_raw_data(values.data(), values.size() * sizeof(float));
    ++replaced;
  }
  write_file(path, model.SerializeAsString());
  moderate_softmax(model, path);
  write_file(path, model.SerializeAsString());
  return replaced;
}

}  // namespace dse::test
