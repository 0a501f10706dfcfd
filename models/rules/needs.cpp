#include "models/rules/needs.hpp"

#include "models/draft.hpp"
#include "models/layer_rule.hpp"
#include "models/rules/axes.hpp"

namespace dse {
namespace {

const LayerRule& rule_of(const Network& network, LayerId layer) { return *network.graph().layer_rules.at(layer); }

bool arranges(const std::string& op_type) {
  return op_type == "Transpose" || op_type == "Reshape" || op_type == "Flatten" || op_type == "Squeeze" ||
         op_type == "Unsqueeze";
}

std::vector<std::optional<std::size_t>> transposed(const onnx::NodeProto& node, std::size_t rank) {
  const std::vector<std::int64_t> permutation = ints_attribute(node, "perm");
  std::vector<std::optional<std::size_t>> axes(rank);
  for (std::size_t axis = 0; axis < rank; ++axis)
    axes[axis] = axis < permutation.size() ? static_cast<std::size_t>(permutation[axis]) : rank - 1 - axis;
  return axes;
}

// Of axes that are joined or parted, the outermost that are longer than 1.
std::vector<std::optional<std::size_t>> reshaped(const Shape& in, const Shape& out) {
  std::vector<std::optional<std::size_t>> axes(out.size());
  for (const rules::AxisGroup& group : rules::axis_groups(in, out)) {
    std::size_t from = group.in_lo, to = group.out_lo;
    while (from < group.in_hi && in[from] == 1) ++from;
    while (to < group.out_hi && out[to] == 1) ++to;
    if (from < group.in_hi && to < group.out_hi) axes[to] = from;
  }
  return axes;
}

}  // namespace

RuleResult needs(const Network& network, const PartWork& work) { return rule_of(network, work.layer).needs(work); }

RuleResult needs(const Network& network, LayerId layer, const std::vector<Region>& outputs) {
  return needs(network, PartWork{layer, PartKind::full, outputs});
}

bool splittable(const Network& network, LayerId layer) { return rule_of(network, layer).splittable(); }

std::vector<std::optional<std::size_t>> axes_before(const Network& network, LayerId layer) {
  const Layer& facts = network.layers().at(layer);
  if (facts.inputs.empty() || facts.outputs.size() != 1) return {};
  const Shape& before = network.tensors()[facts.inputs.front()].tensor.shape;
  const Shape& after = network.tensors()[facts.outputs.front()].tensor.shape;
  std::vector<std::optional<std::size_t>> axes;
  for (const std::size_t index : facts.nodes) {
    const onnx::NodeProto& node = network.graph().nodes[index];
    if (!arranges(node.op_type())) continue;
    // What else the layer does leaves the axes alone.
    if (!axes.empty() || network.graph().types.at(node.input(0)).shape != before ||
        network.graph().types.at(node.output(0)).shape != after)
      return {};
    axes = node.op_type() == "Transpose" ? transposed(node, after.size()) : reshaped(before, after);
  }
  return axes;
}

std::optional<std::size_t> joined_axis(const Network& network, LayerId layer) {
  for (const std::size_t index : network.layers().at(layer).nodes) {
    const onnx::NodeProto& node = network.graph().nodes[index];
    if (node.op_type() != "Concat" && node.op_type() != "QLinearConcat") continue;
    return rules::axis_of(int_attribute(node, "axis", 1), network.graph().types.at(node.output(0)).shape.size());
  }
  return std::nullopt;
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
