#include "models/rules/needs.hpp"

#include <map>

#include "base/error.hpp"
#include "models/graph.hpp"
#include "models/rules/rule.hpp"

namespace dse {
namespace {

class Walk {
 public:
  Walk(const Network& network, const Layer& layer) : network_(network), graph_(network.graph()), layer_(layer) {}

  RuleResult run(const std::vector<Region>& outputs) {
    for (std::size_t i = 0; i < outputs.size(); ++i) ask(tensor(layer_.outputs[i]).name, outputs[i]);
    for (std::size_t i = layer_.nodes.size(); i-- > 0;) visit(graph_.nodes[layer_.nodes[i]]);
    RuleResult result;
    for (const TensorId id : layer_.outputs)
      result.computed.push_back(unite(computed_[tensor(id).name], asked_[tensor(id).name]));
    for (const TensorId id : layer_.inputs) result.inputs.push_back(asked_[tensor(id).name]);
    return result;
  }

 private:
  const NetworkTensor& tensor(TensorId id) const { return network_.tensors()[id]; }

  void ask(const std::string& name, const Region& region) { asked_[name] = unite(asked_[name], region); }

  TensorType type_of(const std::string& name) const {
    if (name.empty()) return {};
    const auto weight = graph_.weight_of.find(name);
    return weight != graph_.weight_of.end() ? network_.weights()[weight->second].tensor : graph_.types.at(name);
  }

  void visit(const onnx::NodeProto& node) {
    rules::NodeShapes shapes;
    std::vector<Region> asked;
    bool wanted = false;
    for (const std::string& name : node.input()) shapes.inputs.push_back(type_of(name));
    for (const std::string& name : node.output()) {
      shapes.outputs.push_back(type_of(name));
      asked.push_back(name.empty() ? Region() : asked_[name]);
      wanted = wanted || !asked.back().empty();
    }
    if (!wanted) return;
    const rules::NodeNeeds needed = rules::rule_for(node.domain(), node.op_type())(node, shapes, asked);
    for (int i = 0; i < node.output_size(); ++i)
      computed_[node.output(i)] = needed.computed[static_cast<std::size_t>(i)];
    for (int i = 0; i < node.input_size(); ++i)
      if (!node.input(i).empty()) ask(node.input(i), needed.inputs[static_cast<std::size_t>(i)]);
  }

  const Network& network_;
  const Network::Graph& graph_;
  const Layer& layer_;
  std::map<std::string, Region> asked_;
  std::map<std::string, Region> computed_;
};

RuleResult everything(const Network& network, const Layer& layer) {
  RuleResult result;
  for (const TensorId id : layer.outputs) result.computed.push_back(Region::whole(network.tensors()[id].tensor.shape));
  for (const TensorId id : layer.inputs) result.inputs.push_back(Region::whole(network.tensors()[id].tensor.shape));
  return result;
}

bool has_rules(const Network& network, const Layer& layer) {
  if (layer.whole) return false;
  for (const std::size_t index : layer.nodes) {
    const onnx::NodeProto& node = network.graph().nodes[index];
    if (rules::rule_for(node.domain(), node.op_type()) == &rules::whole) return false;
  }
  return true;
}

}  // namespace

RuleResult needs(const Network& network, LayerId id, const std::vector<Region>& outputs) {
  const Layer& layer = network.layers().at(id);
  if (outputs.size() != layer.outputs.size())
    throw Error(ExitCode::internal, "RULE-OUTPUTS",
                "layer '" + printable(layer.name) + "' was asked for another number of outputs than it has");
  return has_rules(network, layer) ? Walk(network, layer).run(outputs) : everything(network, layer);
}

}  // namespace dse
