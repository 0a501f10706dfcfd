// Which axis of a tensor is batch, channel, row or column: what a split cuts along. A role only decides where a good
// cut is; that a cut is right follows from the operator rules.
#pragma once

#include <optional>
#include <vector>

#include "models/network.hpp"

namespace dse {

struct AxisRoles {
  std::optional<std::size_t> batch, channel, row, column;
};

// By tensor. Network inputs and windowed operators (convolution, pooling, resize) are N × C × H × W (or N × C × L); a
// Transpose moves the roles with its axes, a Reshape leaves them with the outermost of the axes that it joins or parts
// (N × C × H × W as N × G × C/G × H × W, or N × H × W × A·K as N × H·W·A × K), a Concat along rows ends them; other
// layers pass on their first input's where the rank stays. Rank 2 is N × features.
std::vector<AxisRoles> axis_roles(const Network& network);

// The multiple that channel cuts of a layer's first output should keep to so that groups stay whole and a flattened
// channel is not cut inside; 1 where any will do.
std::int64_t channel_granularity(const Network& network, const std::vector<AxisRoles>& roles, LayerId layer);

}  // namespace dse
