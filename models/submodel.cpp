#include "models/submodel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "models/graph.hpp"
#include "models/shapes.hpp"

namespace dse {
namespace {

constexpr std::int64_t smallest_external = 1024;

// The weights that the nodes read, each once, in the order of first use.
std::vector<WeightId> weights_in_order(const Network& network, const std::vector<std::size_t>& nodes) {
  const Network::Graph& graph = network.graph();
  std::vector<WeightId> order;
  std::set<WeightId> seen;
  for (const std::size_t index : nodes)
    for (const std::string& input : graph.nodes[index].input()) {
      const auto weight = graph.weight_of.find(input);
      if (weight != graph.weight_of.end() && seen.insert(weight->second).second) order.push_back(weight->second);
    }
  return order;
}

// A node that several layers repeat (DequantizeLinear) is written once.
std::vector<std::size_t> nodes_of(const Network& network, const std::vector<LayerId>& layers) {
  std::set<std::size_t> nodes;
  for (const LayerId layer : layers)
    nodes.insert(network.layers().at(layer).nodes.begin(), network.layers().at(layer).nodes.end());
  return {nodes.begin(), nodes.end()};
}

void add_entry(onnx::TensorProto& tensor, const char* key, std::string value) {
  onnx::StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

void write_weight(onnx::TensorProto& tensor, const Weight& weight, const std::optional<WeightLocation>& location) {
  tensor.set_name(weight.name);
  tensor.set_data_type(static_cast<int>(weight.tensor.type));
  for (const std::int64_t extent : weight.tensor.shape) tensor.add_dims(extent);
  const auto bytes = static_cast<std::size_t>(weight.tensor.bytes());
  if (!location) {
    tensor.set_raw_data(weight.data, bytes);
    return;
  }
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  add_entry(tensor, "location", location->file);
  add_entry(tensor, "offset", std::to_string(location->offset));
  add_entry(tensor, "length", std::to_string(bytes));
}

void add_weights(onnx::GraphProto& graph, const Network& network, const std::vector<std::size_t>& nodes,
                 const SubmodelRequest& request) {
  for (const WeightId id : weights_in_order(network, nodes)) {
    const Weight& weight = network.weights()[id];
    const bool may_be_outside = request.locate && weight.tensor.bytes() >= smallest_external;
    write_weight(*graph.add_initializer(), weight, may_be_outside ? request.locate(id) : std::nullopt);
  }
}

// A port that is no value of the sub-model's own: it only passes through, and ONNX wants a node that names it.
void check_ports(const Network& network, const std::vector<std::size_t>& nodes, const SubmodelRequest& request) {
  std::set<std::string> known;
  for (const TensorId id : request.inputs) known.insert(network.tensors().at(id).name);
  for (const std::size_t index : nodes) {
    const onnx::NodeProto& node = network.graph().nodes[index];
    for (const std::string& input : node.input())
      if (!input.empty() && !known.contains(input) && !network.graph().weight_of.contains(input))
        throw Error(ExitCode::internal, "SUBMODEL-INPUT",
                    fmt::format("sub-model '{}' reads '{}', which is no port and made by none of its layers",
                                printable(request.name), printable(input)));
    known.insert(node.output().begin(), node.output().end());
  }
  for (const TensorId id : request.outputs)
    if (!known.contains(network.tensors().at(id).name))
      throw Error(ExitCode::internal, "SUBMODEL-OUTPUT",
                  fmt::format("sub-model '{}' does not make its output '{}'", printable(request.name),
                              printable(network.tensors().at(id).name)));
}

}  // namespace

std::string write_submodel(const Network& network, const SubmodelRequest& request) {
  const Network::Graph& source = network.graph();
  const std::vector<std::size_t> nodes = nodes_of(network, request.layers);
  check_ports(network, nodes, request);
  onnx::ModelProto model;
  // From IR 4 on an initializer need not be an input, which would keep the engine from folding it.
  model.set_ir_version(std::max<std::int64_t>(source.ir_version, 4));
  model.set_producer_name("dse");
  for (const onnx::OperatorSetIdProto& opset : source.opsets) *model.add_opset_import() = opset;
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name(request.name);
  for (const TensorId id : request.inputs)
    describe(*graph.add_input(), network.tensors()[id].name, network.tensors()[id].tensor);
  for (const TensorId id : request.outputs)
    describe(*graph.add_output(), network.tensors()[id].name, network.tensors()[id].tensor);
  for (const std::size_t index : nodes) *graph.add_node() = source.nodes[index];
  add_weights(graph, network, nodes, request);
  std::string text;
  if (model.ByteSizeLong() > 2147483647u || !model.SerializeToString(&text))
    throw Error(ExitCode::bad_input, "SUBMODEL-SIZE",
                fmt::format("sub-model '{}' with its weights inside exceeds 2 GiB; store them outside",
                            printable(request.name)));
  return text;
}

std::vector<WeightId> external_weights(const Network& network, const std::vector<LayerId>& layers) {
  std::vector<WeightId> result = weights_in_order(network, nodes_of(network, layers));
  std::erase_if(result, [&](WeightId id) { return network.weights()[id].tensor.bytes() < smallest_external; });
  return result;
}

SubmodelRequest whole_network(const Network& network) {
  SubmodelRequest request;
  request.name = network.name();
  for (LayerId layer = 0; layer < network.layers().size(); ++layer) request.layers.push_back(layer);
  request.inputs = network.inputs();
  request.outputs = network.outputs();
  return request;
}

}  // namespace dse
