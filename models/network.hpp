// The Network: an ONNX model after the door, as a graph of layers over static tensors. Immutable once made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/tensor.hpp"

namespace dse {

using TensorId = std::size_t;
using LayerId = std::size_t;
using WeightId = std::size_t;

// An activation: a network input, or the output of a layer that another layer or the user reads.
struct NetworkTensor {
  std::string name;
  TensorType tensor;
  std::optional<LayerId> producer;  // empty for network inputs
  std::vector<LayerId> consumers;   // ascending, no repeats
  bool is_output = false;

  std::int64_t bytes() const { return tensor.bytes(); }
};

// A weight or other constant after folding, each distinct one once.
struct Weight {
  std::string name;
  TensorType tensor;
  std::shared_ptr<const void> owner;  // keeps data alive
  const std::byte* data = nullptr;
};

// The class of kernel a layer is costed as.
enum class OperatorClass {
  convolution,
  depthwise_convolution,
  transposed_convolution,
  gemm,
  pool,
  global_pool,
  normalisation,
  elementwise,
  activation,
  softmax,
  concat,
  data_movement,
  resize,
  other,
};
std::string_view to_string(OperatorClass);

struct Layer {
  std::string name;     // of the anchor node, else its first output; unique
  std::string op_type;  // of the anchor node ("Conv")
  OperatorClass op_class = OperatorClass::other;
  std::vector<std::size_t> nodes;  // indices into the model's nodes, topological order
  std::vector<TensorId> inputs;    // activations read, in order of first use, no repeats
  std::vector<TensorId> outputs;   // activations that leave the layer
  std::vector<WeightId> weights;   // no repeats
  std::int64_t macs = 0;           // multiply-accumulates of convolutions, Gemm and MatMul
  std::int64_t operations = 0;     // arithmetic operations of everything else (one per output element and node)
  std::int64_t weight_bytes = 0;
  std::string
      signature;  // equal signatures are the same kernel on the same shapes (fused tail and attributes included)
  bool folds_normalisation = false;  // a BatchNormalization that engines fold into the anchor's weights
  bool whole = false;  // data-dependent tail: never cut inside; for such layers shapes may be those of one run
};

struct ShapeBinding {
  std::string input;
  Shape shape;
};

struct ImportOptions {
  std::vector<ShapeBinding> shapes;     // --shape input=1x3x224x224
  bool allow_unbound = false;           // inspect: do not fail on symbolic dimensions, list them in Network::unbound()
  std::uint64_t file_cap = 2147483647;  // protobuf's own limit
  bool measure_noise = false;
};

class Network {
 public:
  // Reads, checks and folds a model. Throws Error(bad_input, MODEL-...): one line that names the node or tensor and
  // what would be right.
  static Network import(const fs::path& model, const ImportOptions& options = {});

  const std::string& name() const;    // the file's stem
  const std::string& sha256() const;  // of the model file and its external data
  const std::vector<NetworkTensor>& tensors() const;
  const std::vector<Layer>& layers() const;  // in stored topological order
  const std::vector<Weight>& weights() const;
  const std::vector<TensorId>& inputs() const;
  const std::vector<TensorId>& outputs() const;
  const std::vector<std::string>& notes() const;    // "batch 'N' bound to 1"
  const std::vector<std::string>& unbound() const;  // what --shape must bind: "x: 3 (p2o.DynamicDimension.1)"
  std::optional<LayerId> layer_named(std::string_view name) const;

  std::int64_t macs() const;
  std::int64_t parameters() const;  // elements of floating-point weights used by layers
  std::int64_t parameter_bytes() const;

  struct Graph;  // the ONNX nodes: models/graph.hpp, for this room only
  const Graph& graph() const { return *graph_; }

 private:
  friend class NetworkBuilder;
  std::shared_ptr<const Graph> graph_;
  std::string name_, sha256_;
  std::vector<NetworkTensor> tensors_;
  std::vector<Layer> layers_;
  std::vector<Weight> weights_;
  std::vector<TensorId> inputs_, outputs_;
  std::vector<std::string> notes_, unbound_;
  std::map<std::string, LayerId, std::less<>> by_name_;
};

}  // namespace dse
