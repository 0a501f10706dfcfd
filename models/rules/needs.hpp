// What a part of a layer needs: the question that partitioning asks.
#pragma once

#include <vector>

#include "base/region.hpp"
#include "models/network.hpp"

namespace dse {

struct RuleResult {
  std::vector<Region> computed;  // of each of the layer's outputs: contains what was asked for
  std::vector<Region> inputs;    // of each of the layer's inputs: what is needed for it
};

// outputs: the region asked of each of the layer's outputs. Nodes are walked from the last to the first, each by its
// operator's rule; where any node of the layer is without one, the layer is computed whole. Throws Error(internal)
// where the number of regions is wrong.
RuleResult needs(const Network& network, LayerId layer, const std::vector<Region>& outputs);

}  // namespace dse
