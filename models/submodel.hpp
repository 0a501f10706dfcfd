// Writes the ONNX sub-model of a group of layers: what a segment runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/network.hpp"

namespace dse {

// Where a weight lies in an external data file.
struct WeightLocation {
  std::string file;  // relative to the sub-model's folder
  std::int64_t offset = 0;
};

struct SubmodelRequest {
  std::string name;
  std::vector<LayerId> layers;    // in topological order
  std::vector<TensorId> inputs;   // ports, in order; every activation that the layers read and do not produce
  std::vector<TensorId> outputs;  // ports, in order
  // Where the weight's bytes are; nullopt embeds them. Small ones (< 1 KiB) are always embedded: the engine needs them
  // for shapes.
  std::function<std::optional<WeightLocation>(WeightId)> locate;
};

// The serialised ModelProto. Port names are the tensors' names in the undivided network.
std::string write_submodel(const Network& network, const SubmodelRequest& request);

// Weights that are stored outside when `locate` says so: those of at least 1 KiB, in the order of first use.
std::vector<WeightId> external_weights(const Network& network, const std::vector<LayerId>& layers);

// The undivided network as one sub-model with everything folded and bound, weights embedded (locate empty) or external.
SubmodelRequest whole_network(const Network& network);

}  // namespace dse
