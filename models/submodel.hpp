// Writes the ONNX sub-model of a group of layers or parts of layers: what a segment runs.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/network.hpp"
#include "models/rules/needs.hpp"

namespace dse {

// Where a weight lies in an external data file.
struct WeightLocation {
  std::string file;  // relative to the sub-model's folder
  std::int64_t offset = 0;
};

// A value that crosses a sub-model's border: an activation of the network, or the partial result `part` of a layer that
// is split by inputs.
struct ValueId {
  enum class Kind : std::uint8_t { tensor, partial };
  Kind kind = Kind::tensor;
  std::size_t index = 0;  // TensorId or LayerId
  std::size_t part = 0;
  bool operator==(const ValueId&) const = default;
  auto operator<=>(const ValueId&) const = default;
};
ValueId tensor_value(TensorId tensor);
ValueId partial_value(LayerId layer, std::size_t part);
std::string value_name(const Network& network, const ValueId& value);
const TensorType& value_type(const Network& network, const ValueId& value);  // of the whole

struct ValuePort {
  ValueId value;
  Box box;  // dense, in the whole value's coordinates
  bool operator==(const ValuePort&) const = default;
  auto operator<=>(const ValuePort&) const = default;
};

struct PartModelRequest {
  std::string name;
  std::vector<PartWork> parts;     // in topological order
  std::vector<ValuePort> inputs;   // what the parts read of values that they do not make
  std::vector<ValuePort> outputs;  // boxes within what the parts compute
  // Where the slice's bytes are; nullopt embeds them. Small ones (< 1 KiB) are always embedded: the engine needs them
  // for shapes.
  std::function<std::optional<WeightLocation>(const WeightSlice&)> locate;
};

// The serialised ModelProto, ports in the request's order. Throws Error(internal, SUBMODEL-...) where the parts read
// what is not there.
std::string write_part_model(const Network& network, const PartModelRequest& request);

// Slices of at least 1 KiB that the sub-model reads, in the order of first use.
std::vector<WeightSlice> external_slices(const Network& network, const PartModelRequest& request);

// The slice's bytes, row-major; packed into `memory` where they do not lie in one piece.
std::span<const std::byte> slice_bytes(const Network& network, const WeightSlice& slice,
                                       std::vector<std::byte>& memory);
std::int64_t slice_size(const Network& network, const WeightSlice& slice);  // bytes

// Whole layers.
struct SubmodelRequest {
  std::string name;
  std::vector<LayerId> layers;    // in topological order
  std::vector<TensorId> inputs;   // ports, in order; every activation that the layers read and do not produce
  std::vector<TensorId> outputs;  // ports, in order
  std::function<std::optional<WeightLocation>(WeightId)> locate;
};

// Port names are the tensors' names in the undivided network.
std::string write_submodel(const Network& network, const SubmodelRequest& request);

// Weights that are stored outside when `locate` says so.
std::vector<WeightId> external_weights(const Network& network, const std::vector<LayerId>& layers);

// The undivided network as one sub-model with everything folded and bound, weights embedded (locate empty) or external.
SubmodelRequest whole_network(const Network& network);

}  // namespace dse
