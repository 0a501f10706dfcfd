#include "models/network.hpp"

#include "models/graph.hpp"

namespace dse {

std::string_view to_string(OperatorClass op_class) {
  switch (op_class) {
    case OperatorClass::convolution:
      return "convolution";
    case OperatorClass::depthwise_convolution:
      return "depthwise_convolution";
    case OperatorClass::transposed_convolution:
      return "transposed_convolution";
    case OperatorClass::gemm:
      return "gemm";
    case OperatorClass::pool:
      return "pool";
    case OperatorClass::global_pool:
      return "global_pool";
    case OperatorClass::normalisation:
      return "normalisation";
    case OperatorClass::elementwise:
      return "elementwise";
    case OperatorClass::activation:
      return "activation";
    case OperatorClass::softmax:
      return "softmax";
    case OperatorClass::concat:
      return "concat";
    case OperatorClass::data_movement:
      return "data_movement";
    case OperatorClass::resize:
      return "resize";
    case OperatorClass::other:
      return "other";
  }
  return "other";
}

const std::string& Network::name() const { return name_; }
const std::string& Network::sha256() const { return sha256_; }
const std::vector<NetworkTensor>& Network::tensors() const { return tensors_; }
const std::vector<Layer>& Network::layers() const { return layers_; }
const std::vector<Weight>& Network::weights() const { return weights_; }
const std::vector<TensorId>& Network::inputs() const { return inputs_; }
const std::vector<TensorId>& Network::outputs() const { return outputs_; }
const std::vector<std::string>& Network::notes() const { return notes_; }
const std::vector<std::string>& Network::unbound() const { return unbound_; }

std::optional<LayerId> Network::layer_named(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Network::macs() const {
  std::int64_t sum = 0;
  for (const Layer& layer : layers_) sum += layer.macs;
  return sum;
}

std::int64_t Network::parameters() const { return graph_->parameters; }
std::int64_t Network::parameter_bytes() const { return graph_->parameter_bytes; }

}  // namespace dse
