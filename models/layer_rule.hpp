// How a layer is computed in parts: its nodes' rules, wired up once when the network is made. For models/ only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/graph.hpp"
#include "models/rules/needs.hpp"
#include "models/rules/rule.hpp"

namespace dse {

class GraphBuilder;

class LayerRule {
 public:
  LayerRule(const Network& network, const Network::Graph& graph, LayerId layer, std::int64_t opset);

  bool splittable() const { return splittable_; }
  std::int64_t summed() const;
  const TensorType& partial_type() const { return partial_type_; }  // half precision is summed up in float32
  SummedInput summed_input() const;

  RuleResult needs(const PartWork& work) const;
  void emit(const PartWork& work, GraphBuilder& builder) const;

 private:
  struct Node {
    rules::NodeFacts facts;
    std::shared_ptr<const rules::OperatorRule> rule;  // null: whole
    std::vector<std::size_t> inputs, outputs;         // indices of values; nothing where absent
  };
  struct Walked;
  static constexpr std::size_t absent = static_cast<std::size_t>(-1);
  struct Maker {
    std::size_t node = absent;
    std::size_t output = 0;
  };

  std::size_t value_index(const std::string& name);
  TensorType type_of(const std::string& name) const;
  void add_node(std::size_t index, std::int64_t opset);
  Walked walk(const PartWork& work) const;
  void visit(const Node& node, Walked& walked, std::size_t at) const;
  RuleResult whole_needs() const;
  std::vector<Region> read_inputs(Walked& walked) const;
  Maker maker_of(std::size_t value) const;
  bool reads_pieces(std::size_t value) const;
  double fraction_of(const PartWork& work, const Walked& walked) const;
  void emit_node(const Node& node, const rules::NodeNeeds& needs, GraphBuilder& builder) const;
  void emit_whole(const Node& node, GraphBuilder& builder) const;
  void emit_partial(const PartWork& work, const Walked& walked, GraphBuilder& builder) const;
  void emit_sum(const PartWork& work, const Walked& walked, GraphBuilder& builder) const;
  bool asks_for_everything(const PartWork& work) const;
  bool is_everything(const PartWork& work, const GraphBuilder& builder) const;
  void add_bias(RuleResult& result) const;
  Box bias_box(const Box& sum) const;
  std::string bias_for(const Box& sum, GraphBuilder& builder) const;

  const Network::Graph& graph_;
  LayerId layer_ = 0;
  std::vector<std::string> values_;                     // names
  std::vector<TensorType> types_;                       // by value
  std::vector<std::optional<WeightId>> weight_;         // by value
  std::vector<std::shared_ptr<const Weight>> weights_;  // what the rules' facts point to
  std::vector<Node> nodes_;
  std::vector<std::size_t> inputs_, outputs_;  // values of the layer's ports
  std::vector<Maker> makers_;                  // by output of the layer
  std::size_t first_ = absent;   // the first node with an activation among its inputs carries the layer's arithmetic
  std::size_t anchor_ = absent;  // the node with summed() > 0 that can be split by inputs
  TensorType partial_type_;      // of its addends
  bool splittable_ = false;
  RuleResult whole_;  // of the layer that is not divided
};

// The name of the value that a partial result is within a sub-model.
std::string partial_name(const Network& network, LayerId layer, std::size_t part);

}  // namespace dse
