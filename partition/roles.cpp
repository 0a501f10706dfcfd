#include "partition/roles.hpp"

#include "models/rules/needs.hpp"

namespace dse {
namespace {

AxisRoles by_rank(std::size_t rank) {
  AxisRoles roles;
  if (rank >= 2) {
    roles.batch = 0;
    roles.channel = 1;
  } else if (rank == 1) {
    roles.channel = 0;
  }
  if (rank >= 3) roles.row = 2;
  if (rank >= 4) roles.column = 3;
  return roles;
}

bool fixes_layout(OperatorClass op_class) {
  switch (op_class) {
    case OperatorClass::convolution:
    case OperatorClass::depthwise_convolution:
    case OperatorClass::transposed_convolution:
    case OperatorClass::pool:
    case OperatorClass::global_pool:
    case OperatorClass::resize:
    case OperatorClass::normalisation:
      return true;
    default:
      return false;
  }
}

// The roles of a tensor whose axes run along others'. What has lost its axis takes the usual one, rows and columns only
// where it has no other role.
AxisRoles carried(const AxisRoles& roles, const std::vector<std::optional<std::size_t>>& from) {
  const auto moved = [&](const std::optional<std::size_t>& axis) -> std::optional<std::size_t> {
    for (std::size_t to = 0; axis && to < from.size(); ++to)
      if (from[to] == axis) return to;
    return std::nullopt;
  };
  AxisRoles result{moved(roles.batch), moved(roles.channel), moved(roles.row), moved(roles.column)};
  const AxisRoles usual = by_rank(from.size());
  if (!result.batch && result.channel != usual.batch && result.row != usual.batch) result.batch = usual.batch;
  if (!result.channel) result.channel = usual.channel;
  const auto is_free = [&](const std::optional<std::size_t>& axis) {
    return axis != result.batch && axis != result.channel && axis != result.row && axis != result.column;
  };
  if (!result.row && is_free(usual.row)) result.row = usual.row;
  if (!result.column && is_free(usual.column)) result.column = usual.column;
  return result;
}

}  // namespace

std::vector<AxisRoles> axis_roles(const Network& network) {
  std::vector<AxisRoles> roles(network.tensors().size());
  for (const TensorId input : network.inputs()) roles[input] = by_rank(network.tensors()[input].tensor.shape.size());
  for (LayerId id = 0; id < network.layers().size(); ++id) {
    const Layer& layer = network.layers()[id];
    const std::vector<std::optional<std::size_t>> from = axes_before(network, id);
    for (const TensorId output : layer.outputs) {
      const std::size_t rank = network.tensors()[output].tensor.shape.size();
      roles[output] = by_rank(rank);
      if (layer.inputs.empty() || fixes_layout(layer.op_class)) continue;
      const TensorId input = layer.inputs.front();
      if (from.size() == rank)
        roles[output] = carried(roles[input], from);
      else if (network.tensors()[input].tensor.shape.size() == rank)
        roles[output] = roles[input];
      // Places of several maps behind each other are no rows: half of them may be all of one map.
      const auto joined = joined_axis(network, id);
      if (joined && roles[output].row == joined) roles[output].row.reset();
      if (joined && roles[output].column == joined) roles[output].column.reset();
    }
  }
  return roles;
}

std::int64_t channel_granularity(const Network& network, const std::vector<AxisRoles>& roles, LayerId id) {
  const Layer& layer = network.layers()[id];
  const std::int64_t groups = group_channels(network, id);
  if (groups > 1 || layer.inputs.empty() || layer.outputs.empty()) return groups;
  // A flattened channel: N × C × H × W became N × (C·H·W).
  const TensorId in = layer.inputs.front(), out = layer.outputs.front();
  if (layer.op_class != OperatorClass::data_movement || !roles[in].channel || !roles[out].channel) return 1;
  const Shape& before = network.tensors()[in].tensor.shape;
  const Shape& after = network.tensors()[out].tensor.shape;
  const std::int64_t channels = before[*roles[in].channel], features = after[*roles[out].channel];
  const bool flattened = after.size() < before.size() && features > channels && features % channels == 0;
  return flattened ? features / channels : 1;
}

}  // namespace dse
