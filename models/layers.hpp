// Layers: an anchor operator with the element-wise tail that the engine fuses onto it.
#pragma once

#include <string>
#include <vector>

#include "models/draft.hpp"

namespace dse {

// Nodes of one layer as indices into the draft's nodes, ascending, and the anchor among them.
struct NodeGroup {
  std::vector<std::size_t> nodes;
  std::size_t anchor = 0;
  bool whole = false;
};

// Groups in a topological order that keeps the stored order of the nodes as far as it can. A tail node joins the group
// of the producer latest in that order whose output it alone reads, which is no graph output and has the tail's own
// shape. Nodes without any activation input (a DequantizeLinear of a weight, a constant too large to fold) and
// DequantizeLinear nodes whose result is no graph output are repeated in every group that reads them. Everything
// downstream of a data-dependent shape is one group.
std::vector<NodeGroup> group_nodes(const Draft& draft);

// Element-wise: one output element is computed from the elements at the same place of the inputs (broadcast included).
bool is_elementwise(const onnx::NodeProto& node);

OperatorClass classify(const Draft& draft, const onnx::NodeProto& anchor);

// Multiply-accumulates of a Conv, Gemm or MatMul kind of node, 0 for others:
//   Conv            output elements × weight elements ÷ output channels
//   ConvTranspose   input elements × weight elements ÷ input channels
//   Gemm, MatMul    output elements × the length of the summed axis
std::int64_t count_macs(const Draft& draft, const onnx::NodeProto& node);

// Equal for groups that run the same kernels on the same shapes: operators with their attributes, the wiring, types and
// shapes of inputs, outputs and constants, and the values of small integer constants. Cut at 512 characters by a hash.
std::string signature_of(const Draft& draft, const NodeGroup& group);

}  // namespace dse
