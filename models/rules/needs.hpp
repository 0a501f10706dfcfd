// What a part of a layer needs: the question that partitioning asks.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/region.hpp"
#include "models/network.hpp"

namespace dse {

enum class PartKind : std::uint8_t {
  full,     // the layer's nodes on a region of its outputs
  partial,  // the anchor only, over a range of its input channels, without bias: one addend of a reduce
  reduce,   // the sum of all partial results, the bias, and the layer's other nodes
};

// A layer's work on one device.
struct PartWork {
  LayerId layer = 0;
  PartKind kind = PartKind::full;
  std::vector<Region> outputs;  // asked of each of the layer's outputs; partial: one, of the partial result
  std::int64_t lo = 0, hi = 0;  // partial: the range of input channels
  std::size_t part = 0;         // partial: which addend this is
  std::size_t parts = 0;        // reduce: how many addends there are
  bool operator==(const PartWork&) const = default;
};

// A rectangle of a weight.
struct WeightSlice {
  WeightId weight = 0;
  Box box;
  bool operator==(const WeightSlice&) const = default;
  auto operator<=>(const WeightSlice&) const = default;
};

struct RuleResult {
  std::vector<Region>
      computed;                // of each output (partial: of the partial result): empty or one box, contains the asked
  std::vector<Region> inputs;  // of each of the layer's inputs: what computing it reads, each box by itself
  Region addends;              // reduce: of each partial result
  std::vector<WeightSlice> weights;
  double fraction = 1;  // of the layer's arithmetic
};

// Nodes are walked from the last to the first, each by its operator's rule; where any node of the layer is without one,
// the layer is computed whole. Throws Error(internal) where the number of regions is wrong.
RuleResult needs(const Network& network, const PartWork& work);
RuleResult needs(const Network& network, LayerId layer, const std::vector<Region>& outputs);

// Whether every node of the layer has a rule; otherwise a part of it computes everything.
bool splittable(const Network& network, LayerId layer);

// For a layer that arranges elements anew (one Transpose, Reshape or its kin, and element-wise operators): by output
// axis, the input axis that it runs along, nothing where it runs along none (the inner ones of those that a Reshape
// joins or parts). Empty for others.
std::vector<std::optional<std::size_t>> axes_before(const Network& network, LayerId layer);
// The axis along which a Concat puts its inputs behind each other; nothing for other layers.
std::optional<std::size_t> joined_axis(const Network& network, LayerId layer);
// Output channels of one group of a grouped (not depthwise) convolution; 1 for others.
std::int64_t group_channels(const Network& network, LayerId layer);

// Input channels that the layer's anchor sums over; 0 where it cannot be split by inputs.
std::int64_t summed_inputs(const Network& network, LayerId layer);
// Which of the layer's inputs they belong to, and along which axis. Only where summed_inputs() > 0.
struct SummedInput {
  std::size_t input = 0;
  std::size_t axis = 1;
};
SummedInput summed_input(const Network& network, LayerId layer);
// The partial result's type and shape (the anchor's output).
TensorType partial_type(const Network& network, LayerId layer);

}  // namespace dse
