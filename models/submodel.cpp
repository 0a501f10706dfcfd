#include "models/submodel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "models/graph_builder.hpp"
#include "models/layer_rule.hpp"
#include "models/shapes.hpp"

namespace dse {
namespace {

constexpr std::int64_t smallest_external = 1024;

void add_entry(onnx::TensorProto& tensor, const char* key, std::string value) {
  onnx::StringStringEntryProto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(std::move(value));
}

void write_weight(onnx::TensorProto& tensor, const Network& network, const WeightSlice& slice,
                  const std::optional<WeightLocation>& location) {
  tensor.set_name(GraphBuilder::weight_name(network, slice));
  tensor.set_data_type(static_cast<int>(network.weights()[slice.weight].tensor.type));
  for (const std::int64_t extent : slice.box.extents()) tensor.add_dims(extent);
  if (!location) {
    std::vector<std::byte> memory;
    const std::span<const std::byte> bytes = slice_bytes(network, slice, memory);
    tensor.set_raw_data(bytes.data(), bytes.size());
    return;
  }
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  add_entry(tensor, "location", location->file);
  add_entry(tensor, "offset", std::to_string(location->offset));
  add_entry(tensor, "length", std::to_string(slice_size(network, slice)));
}

// The nodes and ports of a request; weights are only noted.
class PartModel {
 public:
  PartModel(const Network& network, const PartModelRequest& request) : network_(network), builder_(network) {
    for (const ValuePort& port : request.inputs) add_input(port);
    for (const PartWork& work : request.parts) network.graph().layer_rules.at(work.layer)->emit(work, builder_);
    for (const ValuePort& port : request.outputs) add_output(port);
  }

  GraphBuilder& builder() { return builder_; }

 private:
  TensorType type_of(const ValuePort& port) const {
    return {value_type(network_, port.value).type, port.box.extents()};
  }

  void add_input(const ValuePort& port) {
    const std::string value = value_name(network_, port.value);
    const std::string name = builder_.new_name(value);
    builder_.provide(value, port.box, name);
    describe(*builder_.graph().add_input(), name, type_of(port));
    ports_.insert(name);
  }

  // ONNX Runtime's transpose optimiser puts a QuantizeLinear and a DequantizeLinear in front of a Transpose that one
  // follows, before whatever else shows its input (seen in 1.30).
  bool engine_quantises(const std::string& name) {
    const auto& nodes = builder_.graph().node();
    const auto is = [](const char* op) { return [op](const onnx::NodeProto& node) { return node.op_type() == op; }; };
    const auto transposes = [&](const onnx::NodeProto& node) {
      return node.op_type() == "Transpose" && node.input(0) == name;
    };
    return std::any_of(nodes.begin(), nodes.end(), transposes) &&
           std::any_of(nodes.begin(), nodes.end(), is("QuantizeLinear"));
  }

  // A port that is an input or another output as well needs a node that gives it a name of its own.
  void add_output(const ValuePort& port) {
    std::string name = builder_.demand(value_name(network_, port.value), port.box);
    if (!ports_.insert(name).second || engine_quantises(name)) {
      onnx::NodeProto& node = *builder_.graph().add_node();
      node.set_op_type("Identity");
      node.set_name(builder_.fresh_node("dse:identity"));
      node.add_input(name);
      node.add_output(name = builder_.fresh_value());
    }
    describe(*builder_.graph().add_output(), name, type_of(port));
  }

  const Network& network_;
  GraphBuilder builder_;
  std::set<std::string> ports_;
};

PartModelRequest as_parts(const Network& network, const SubmodelRequest& request) {
  PartModelRequest result;
  result.name = request.name;
  const auto whole = [&](TensorId id) { return network.tensors().at(id).tensor.shape; };
  for (const LayerId layer : request.layers) {
    PartWork work{layer, PartKind::full, {}};
    for (const TensorId id : network.layers().at(layer).outputs) work.outputs.push_back(Region::whole(whole(id)));
    result.parts.push_back(std::move(work));
  }
  for (const TensorId id : request.inputs) result.inputs.push_back({tensor_value(id), Box::whole(whole(id))});
  for (const TensorId id : request.outputs) result.outputs.push_back({tensor_value(id), Box::whole(whole(id))});
  if (request.locate) result.locate = [&request](const WeightSlice& slice) { return request.locate(slice.weight); };
  return result;
}

}  // namespace

ValueId tensor_value(TensorId tensor) { return {ValueId::Kind::tensor, tensor, 0}; }
ValueId partial_value(LayerId layer, std::size_t part) { return {ValueId::Kind::partial, layer, part}; }

std::string value_name(const Network& network, const ValueId& value) {
  return value.kind == ValueId::Kind::tensor ? network.tensors().at(value.index).name
                                             : partial_name(network, value.index, value.part);
}

const TensorType& value_type(const Network& network, const ValueId& value) {
  return value.kind == ValueId::Kind::tensor ? network.tensors().at(value.index).tensor
                                             : network.graph().layer_rules.at(value.index)->partial_type();
}

std::int64_t slice_size(const Network& network, const WeightSlice& slice) {
  return slice.box.elements() * static_cast<std::int64_t>(element_size(network.weights()[slice.weight].tensor.type));
}

std::span<const std::byte> slice_bytes(const Network& network, const WeightSlice& slice,
                                       std::vector<std::byte>& memory) {
  const Weight& weight = network.weights()[slice.weight];
  const Shape& shape = weight.tensor.shape;
  const std::size_t element = element_size(weight.tensor.type);
  const auto size = static_cast<std::size_t>(slice_size(network, slice));
  if (size == 0) return {};
  // Axes from `inner` on are whole: a run of `run` bytes for each position of the axes before.
  std::size_t inner = shape.size();
  std::size_t run = element;
  while (inner > 0 && slice.box.lo[inner - 1] == 0 && slice.box.hi[inner - 1] == shape[inner - 1])
    run *= static_cast<std::size_t>(shape[--inner]);
  if (inner > 0) run *= static_cast<std::size_t>(slice.box.hi[inner - 1] - slice.box.lo[inner - 1]);
  const auto offset_of = [&](const std::vector<std::int64_t>& position) {
    std::size_t offset = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      offset = offset * static_cast<std::size_t>(shape[axis]) + static_cast<std::size_t>(position[axis]);
    return offset * element;
  };
  std::vector<std::int64_t> position = slice.box.lo.shape();
  if (run == size) return {weight.data + offset_of(position), size};
  memory.resize(size);
  for (std::size_t at = 0; at < size; at += run) {
    std::memcpy(memory.data() + at, weight.data + offset_of(position), run);
    for (std::size_t axis = inner - 1; axis-- > 0;) {
      if (++position[axis] < slice.box.hi[axis]) break;
      position[axis] = slice.box.lo[axis];
    }
  }
  return memory;
}

std::string write_part_model(const Network& network, const PartModelRequest& request) {
  PartModel parts(network, request);
  onnx::ModelProto model;
  // From IR 4 on an initializer need not be an input, which would keep the engine from folding it.
  model.set_ir_version(std::max<std::int64_t>(network.graph().ir_version, 4));
  model.set_producer_name("dse");
  for (const onnx::OperatorSetIdProto& opset : network.graph().opsets) *model.add_opset_import() = opset;
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.Swap(&parts.builder().graph());
  graph.set_name(request.name);
  for (const WeightSlice& slice : parts.builder().weights()) {
    const bool may_be_outside = request.locate && slice_size(network, slice) >= smallest_external;
    write_weight(*graph.add_initializer(), network, slice, may_be_outside ? request.locate(slice) : std::nullopt);
  }
  std::string text;
  if (model.ByteSizeLong() > 2147483647u || !model.SerializeToString(&text))
    throw Error(ExitCode::bad_input, "SUBMODEL-SIZE",
                fmt::format("sub-model '{}' with its weights inside exceeds 2 GiB; store them outside",
                            printable(request.name)));
  return text;
}

std::vector<WeightSlice> external_slices(const Network& network, const PartModelRequest& request) {
  PartModel parts(network, request);
  std::vector<WeightSlice> result = parts.builder().weights();
  std::erase_if(result, [&](const WeightSlice& slice) { return slice_size(network, slice) < smallest_external; });
  return result;
}

std::string write_submodel(const Network& network, const SubmodelRequest& request) {
  return write_part_model(network, as_parts(network, request));
}

std::vector<WeightId> external_weights(const Network& network, const std::vector<LayerId>& layers) {
  std::vector<WeightId> result;
  std::set<WeightId> seen;
  for (const LayerId layer : layers)
    for (const std::size_t node : network.layers().at(layer).nodes)
      for (const std::string& input : network.graph().nodes[node].input()) {
        const auto weight = network.graph().weight_of.find(input);
        if (weight != network.graph().weight_of.end() && seen.insert(weight->second).second &&
            network.weights()[weight->second].tensor.bytes() >= smallest_external)
          result.push_back(weight->second);
      }
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
