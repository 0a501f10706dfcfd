// The ONNX side of a Network: for models/ and its tests only.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <string>
#include <vector>

#include "models/network.hpp"

namespace dse {

class LayerRule;

struct Network::Graph {
  std::int64_t ir_version = 0;
  std::vector<onnx::OperatorSetIdProto> opsets;
  // After folding, in topological order. A constant input carries the name of its weight.
  std::vector<onnx::NodeProto> nodes;
  std::map<std::string, WeightId, std::less<>> weight_of;
  std::map<std::string, TensorId, std::less<>> tensor_of;     // values that cross a layer's border
  std::map<std::string, TensorType, std::less<>> types;       // of every value that is no weight
  std::vector<std::shared_ptr<const LayerRule>> layer_rules;  // by layer
  std::int64_t parameters = 0;
  std::int64_t parameter_bytes = 0;
};

struct Draft;
struct NodeGroup;

// Fills a Network; the only one who writes its members.
class NetworkBuilder {
 public:
  NetworkBuilder(const Draft& draft, const fs::path& path);
  Network build();

 private:
  void add_weights();
  void add_layers();
  void count_parameters(const std::map<std::string, std::string>& canonical);
  void name_layer(Layer& layer);
  void add_tensors(const std::vector<NodeGroup>& groups);
  void connect(const std::vector<NodeGroup>& groups);

  const Draft& draft_;
  std::shared_ptr<Network::Graph> graph_;
  Network network_;
  std::map<std::string, std::string> canonical_;  // constant → the weight that holds its bytes
};

}  // namespace dse
