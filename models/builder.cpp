// A Draft whose shapes are known becomes a Network.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>

#include "models/draft.hpp"
#include "models/graph.hpp"
#include "models/layer_rule.hpp"
#include "models/layers.hpp"

namespace dse {
namespace {

bool is_parameter(DataType type) {
  switch (type) {
    case DataType::float32:
    case DataType::float16:
    case DataType::float64:
    case DataType::bfloat16:
    case DataType::int8:
    case DataType::uint8:
      return true;
    default:
      return false;
  }
}

std::string_view bytes_of(const Constant& constant) { return constant.text(); }

// Equal constants become one weight: by type and shape, then a hash, then every byte.
class Deduplicator {
 public:
  // The index of an equal constant that was added before, else `fresh`, which it gets.
  std::size_t find_or_add(const Constant& constant, std::size_t fresh) {
    std::vector<Entry>& bucket = buckets_[std::hash<std::string_view>{}(bytes_of(constant))];
    for (const Entry& entry : bucket)
      if (entry.constant.tensor == constant.tensor && bytes_of(entry.constant) == bytes_of(constant))
        return entry.index;
    bucket.push_back({constant, fresh});
    return fresh;
  }

 private:
  struct Entry {
    Constant constant;
    std::size_t index;
  };
  std::unordered_map<std::size_t, std::vector<Entry>> buckets_;
};

class LayerMaker {
 public:
  LayerMaker(const Draft& draft, const Network::Graph& graph, const std::map<std::string, std::string>& canonical)
      : draft_(draft), graph_(graph), canonical_(canonical) {}

  Layer make(const NodeGroup& group) const {
    const onnx::NodeProto& anchor = draft_.nodes[group.anchor];
    Layer layer;
    layer.name = anchor.name();
    layer.op_type = anchor.op_type();
    layer.op_class = classify(draft_, anchor);
    layer.nodes = group.nodes;
    layer.whole = group.whole;
    layer.signature = signature_of(draft_, group);
    std::set<std::string> counted;
    for (const std::size_t index : group.nodes) add_node(layer, draft_.nodes[index], counted);
    return layer;
  }

 private:
  void add_node(Layer& layer, const onnx::NodeProto& node, std::set<std::string>& counted) const {
    const std::int64_t macs = count_macs(draft_, node);
    layer.folds_normalisation = layer.folds_normalisation || (layer.macs > 0 && node.op_type() == "BatchNormalization");
    layer.macs += macs;
    if (macs == 0)
      for (const std::string& output : node.output())
        if (!output.empty()) layer.operations += draft_.types.at(output).elements();
    for (const std::string& input : node.input()) {
      const auto constant = draft_.constants.find(input);
      if (constant == draft_.constants.end()) continue;
      if (counted.insert(input).second) layer.weight_bytes += constant->second.tensor.bytes();
      const WeightId weight = graph_.weight_of.at(canonical_.at(input));
      if (std::find(layer.weights.begin(), layer.weights.end(), weight) == layer.weights.end())
        layer.weights.push_back(weight);
    }
  }

  const Draft& draft_;
  const Network::Graph& graph_;
  const std::map<std::string, std::string>& canonical_;
};

void add_once(std::vector<std::size_t>& list, std::size_t value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

}  // namespace

NetworkBuilder::NetworkBuilder(const Draft& draft, const fs::path& path)
    : draft_(draft), graph_(std::make_shared<Network::Graph>()) {
  network_.name_ = path.stem().string();
  network_.sha256_ = draft.sha256;
  network_.notes_ = draft.notes;
  network_.unbound_ = draft.unbound;
}

Network NetworkBuilder::build() {
  graph_->ir_version = draft_.ir_version;
  graph_->opsets = draft_.opsets;
  graph_->nodes = draft_.nodes;
  graph_->types.insert(draft_.types.begin(), draft_.types.end());
  add_weights();
  for (const InputDeclaration& input : draft_.inputs) {
    graph_->tensor_of.emplace(input.name, network_.tensors_.size());
    network_.inputs_.push_back(network_.tensors_.size());
    network_.tensors_.push_back({input.name, input.tensor, std::nullopt, {}, false});
  }
  if (draft_.unbound.empty()) add_layers();
  for (LayerId layer = 0; layer < network_.layers_.size(); ++layer)
    graph_->layer_rules.push_back(std::make_shared<LayerRule>(network_, *graph_, layer, default_opset(draft_.opsets)));
  network_.graph_ = graph_;
  return std::move(network_);
}

void NetworkBuilder::add_weights() {
  std::map<std::string, std::string> canonical;
  Deduplicator known;
  for (onnx::NodeProto& node : graph_->nodes)
    for (std::string& input : *node.mutable_input()) {
      const auto constant = draft_.constants.find(input);
      if (constant == draft_.constants.end()) continue;
      const WeightId fresh = network_.weights_.size();
      const WeightId weight = canonical.contains(input) ? graph_->weight_of.at(canonical.at(input))
                                                        : known.find_or_add(constant->second, fresh);
      if (weight == fresh) {
        network_.weights_.push_back({input, constant->second.tensor, constant->second.owner, constant->second.data});
        graph_->weight_of.emplace(input, fresh);
      }
      canonical.emplace(input, network_.weights_[weight].name);
      input = network_.weights_[weight].name;
    }
  count_parameters(canonical);
  canonical_ = std::move(canonical);
}

// Weights that are equal by chance still are parameters each.
void NetworkBuilder::count_parameters(const std::map<std::string, std::string>& canonical) {
  for (const auto& entry : canonical) {
    const TensorType& tensor = draft_.constants.at(entry.first).tensor;
    if (!is_parameter(tensor.type)) continue;
    graph_->parameters += tensor.elements();
    graph_->parameter_bytes += tensor.bytes();
  }
}

void NetworkBuilder::add_layers() {
  const std::vector<NodeGroup> groups = group_nodes(draft_);
  const LayerMaker maker(draft_, *graph_, canonical_);
  for (const NodeGroup& group : groups) {
    network_.layers_.push_back(maker.make(group));
    name_layer(network_.layers_.back());
    if (group.whole)
      network_.notes_.push_back(
          fmt::format("'{}' and what follows have shapes that depend on data: one layer, never cut",
                      printable(network_.layers_.back().name, 60)));
  }
  add_tensors(groups);
  connect(groups);
}

void NetworkBuilder::name_layer(Layer& layer) {
  std::string base = layer.name;
  for (const std::size_t index : layer.nodes)
    for (const std::string& output : draft_.nodes[index].output())
      if (base.empty()) base = output;
  std::string name = base;
  for (std::size_t count = 2; network_.by_name_.contains(name); ++count) name = fmt::format("{}#{}", base, count);
  layer.name = name;
  network_.by_name_.emplace(name, network_.layers_.size() - 1);
}

// A value becomes a tensor where a group that does not make it reads it, or where it leaves the network.
void NetworkBuilder::add_tensors(const std::vector<NodeGroup>& groups) {
  std::set<std::string> crossing(draft_.outputs.begin(), draft_.outputs.end());
  for (const NodeGroup& group : groups) {
    std::set<std::string> inside;
    for (const std::size_t index : group.nodes) {
      for (const std::string& input : draft_.nodes[index].input())
        if (!input.empty() && !draft_.constants.contains(input) && !inside.contains(input)) crossing.insert(input);
      for (const std::string& output : draft_.nodes[index].output()) inside.insert(output);
    }
  }
  for (LayerId layer = 0; layer < groups.size(); ++layer)
    for (const std::size_t index : groups[layer].nodes)
      for (const std::string& output : draft_.nodes[index].output()) {
        if (!crossing.contains(output) || graph_->tensor_of.contains(output)) continue;
        const TensorId id = network_.tensors_.size();
        graph_->tensor_of.emplace(output, id);
        network_.tensors_.push_back({output, draft_.types.at(output), layer, {}, false});
        network_.layers_[layer].outputs.push_back(id);
      }
  for (const std::string& output : draft_.outputs) {
    const TensorId id = graph_->tensor_of.at(output);
    network_.tensors_[id].is_output = true;
    network_.outputs_.push_back(id);
  }
}

void NetworkBuilder::connect(const std::vector<NodeGroup>& groups) {
  for (LayerId layer = 0; layer < groups.size(); ++layer)
    for (const std::size_t index : groups[layer].nodes)
      for (const std::string& input : draft_.nodes[index].input()) {
        const auto tensor = graph_->tensor_of.find(input);
        if (tensor == graph_->tensor_of.end() || network_.tensors_[tensor->second].producer == layer) continue;
        add_once(network_.layers_[layer].inputs, tensor->second);
        add_once(network_.tensors_[tensor->second].consumers, layer);
      }
}

}  // namespace dse
