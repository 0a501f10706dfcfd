// Operator rules: what a region of an output needs of the inputs. A family of operators is one file in this folder and
// one line in registry.cpp; an operator without a rule is computed whole.
#pragma once

#include <onnx/onnx_pb.h>

#include <string_view>
#include <vector>

#include "base/region.hpp"
#include "models/network.hpp"
#include "models/rules/needs.hpp"

namespace dse::rules {

// The shapes that a rule may look at, in the node's own order of inputs and outputs; an absent optional input has type
// undefined.
struct NodeShapes {
  std::vector<TensorType> inputs;
  std::vector<TensorType> outputs;
};

// For a node and the regions asked of its outputs (in its order; an output that nobody reads has an empty region).
struct NodeNeeds {
  std::vector<Region> computed;  // of each output: contains what was asked for
  std::vector<Region> inputs;    // of each input, constants included (empty where nothing is needed)
};

using Rule = NodeNeeds (*)(const onnx::NodeProto& node, const NodeShapes& shapes, const std::vector<Region>& asked);

// The rule of an operator of the default domain; `whole` where there is none.
Rule rule_for(std::string_view domain, std::string_view op_type);

// Every output and every input as a whole.
NodeNeeds whole(const onnx::NodeProto& node, const NodeShapes& shapes, const std::vector<Region>& asked);

// The element at the same place, with broadcast axes pinned to 0 (elementwise.cpp).
NodeNeeds elementwise(const onnx::NodeProto& node, const NodeShapes& shapes, const std::vector<Region>& asked);

}  // namespace dse::rules
