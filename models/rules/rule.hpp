// Operator rules: what a region of an output needs of the inputs, and the nodes that compute it. A family of operators
// is one file in this folder and one line an operator in registry.cpp; an operator without a rule is computed whole.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/region.hpp"
#include "models/network.hpp"

namespace dse::rules {

class NodeWriter;

// A node of the network as a rule sees it, in the node's own order of inputs and outputs.
struct NodeFacts {
  const onnx::NodeProto* node = nullptr;
  std::int64_t opset = 0;                // of the default domain
  std::vector<TensorType> inputs;        // of the whole network; type undefined where an optional input is absent
  std::vector<TensorType> outputs;       // type undefined where an optional output is absent
  std::vector<const Weight*> constants;  // by input: its bytes where it is a weight, else null
};

struct NodeNeeds {
  std::vector<Region> computed;  // of each output: empty, or one box that contains what was asked for
  std::vector<Region> inputs;    // of each input, weights included: what computing it reads; empty: nothing
};

// A half-open range of input channels (features).
struct Range {
  std::int64_t lo = 0;
  std::int64_t hi = 0;
};

// Made once a node when a network is imported; immutable, called from many threads.
class OperatorRule {
 public:
  OperatorRule() = default;
  virtual ~OperatorRule() = default;
  OperatorRule(const OperatorRule&) = delete;
  OperatorRule& operator=(const OperatorRule&) = delete;

  // asked: a region of each output in the whole tensor's coordinates; empty where nobody reads it, not all of them.
  // A region of several boxes is computed as its bounding box.
  virtual NodeNeeds needs(const std::vector<Region>& asked) const = 0;
  // Writes the nodes that compute writer.output(i) of every output with something computed from writer.input(i).
  virtual void emit(NodeWriter& writer) const = 0;
  // Whether it reads several boxes of an activation one by one (NodeWriter::pieces), not as their bounding box.
  virtual bool reads_pieces() const { return false; }

  // Split by inputs: how many input channels (features) are summed over; 0 where the operator cannot be split so.
  // Output 0 is then the sum over any partition of [0, summed) of partial results, plus the bias, where there is one.
  virtual std::int64_t summed() const { return 0; }
  virtual std::size_t summed_axis() const { return 1; }  // of input 0
  // What the partial result over `range` needs for a region of output 0; no bias.
  virtual NodeNeeds partial_needs(const Region& asked, Range range) const;
  virtual void emit_partial(NodeWriter& writer, Range range) const;
  // The bias' input index, or -1, and the axis of the output that it runs along.
  virtual int bias_input() const { return -1; }
  virtual int bias_axis() const { return 1; }
};

// Null where the node has attributes or shapes that the rule does not cover: it is then computed whole.
using MakeRule = std::unique_ptr<const OperatorRule> (*)(const NodeFacts&);

// The rule of a node; null: whole.
std::unique_ptr<const OperatorRule> make_rule(const NodeFacts& facts);

// The bounding boxes of regions (empty ones stay empty).
std::vector<Region> hulls(const std::vector<Region>& regions);

// Families, by name; a file of another name is said.
std::unique_ptr<const OperatorRule> make_arg_extreme(const NodeFacts& facts);  // global_pool.cpp
std::unique_ptr<const OperatorRule> make_batch_normalisation(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_concat(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_convolution(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_cumulative_sum(const NodeFacts& facts);  // global_pool.cpp
std::unique_ptr<const OperatorRule> make_depth_to_space(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_elementwise(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_expand(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_gather(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_gather_nd(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_gemm(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_global_pool(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_group_normalisation(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_image_scaler(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_instance_normalisation(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_layer_normalisation(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_lp_normalisation(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_lrn(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_matmul(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_mean_variance_normalisation(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_pad(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_pool(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_quantisation(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_quantised_binary(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_quantised_concat(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_quantised_global_average(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_quantised_unary(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_reduction(const NodeFacts& facts);  // global_pool.cpp
std::unique_ptr<const OperatorRule> make_reshape(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_resize(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_slice(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_softmax(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_space_to_depth(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_split(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_tile(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_top_k(const NodeFacts& facts);  // global_pool.cpp
std::unique_ptr<const OperatorRule> make_transpose(const NodeFacts& facts);
std::unique_ptr<const OperatorRule> make_transposed_convolution(const NodeFacts& facts);  // conv_transpose.cpp

}  // namespace dse::rules
