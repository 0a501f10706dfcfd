#include "models/rules/needs.hpp"

#include "models/draft.hpp"
#include "models/layer_rule.hpp"

namespace dse {
namespace {

const LayerRule& rule_of(const Network& network, LayerId layer) { return *network.graph().layer_rules.at(layer); }

}  // namespace

RuleResult needs(const Network& network, const PartWork& work) { return rule_of(network, work.layer).needs(work); }

RuleResult needs(const Network& network, LayerId layer, const std::vector<Region>& outputs) {
  return needs(network, PartWork{layer, PartKind::full, outputs});
}

bool splittable(const Network& network, LayerId layer) { return rule_of(network, layer).splittable(); }

std::vector<std::size_t> transposed_axes(const Network& network, LayerId layer) {
  const onnx::NodeProto& node = network.graph().nodes[network.layers().at(layer).nodes.back()];
  if (node.op_type() != "Transpose" || network.layers()[layer].nodes.size() != 1) return {};
  const std::size_t rank = network.graph().types.at(node.output(0)).shape.size();
  const std::vector<std::int64_t> permutation = ints_attribute(node, "perm");
  std::vector<std::size_t> axes(rank);
  for (std::size_t axis = 0; axis < rank; ++axis)
    axes[axis] = axis < permutation.size() ? static_cast<std::size_t>(permutation[axis]) : rank - 1 - axis;
  return axes;
}

std::int64_t group_channels(const Network& network, LayerId layer) {
  for (const std::size_t index : network.layers().at(layer).nodes) {
    const onnx::NodeProto& node = network.graph().nodes[index];
    const std::int64_t groups = int_attribute(node, "group", 1);
    if (groups <= 1 || (node.op_type() != "Conv" && node.op_type() != "QLinearConv")) continue;
    const std::int64_t channels = network.graph().types.at(node.output(0)).shape.at(1);
    return channels % groups == 0 ? channels / groups : 1;
  }
  return 1;
}

std::int64_t summed_inputs(const Network& network, LayerId layer) { return rule_of(network, layer).summed(); }

SummedInput summed_input(const Network& network, LayerId layer) { return rule_of(network, layer).summed_input(); }

TensorType partial_type(const Network& network, LayerId layer) { return rule_of(network, layer).partial_type(); }

}  // namespace dse
