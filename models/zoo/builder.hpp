// Builds the graph of a zoo network: shapes and distributions only, no weight is held in memory before the model is
// written.
//
// Scales: every activation carries an estimate of its mean and variance, and a convolution's weights are drawn so that
// its output has unit variance: He's rule, carried through residual sums, pooling and concatenation. Thus no network
// explodes, vanishes or saturates, however deep. Filters have zero sum: what all channels have in common behind a Relu,
// its positive mean, does not pass. Without that, the outputs of a deep network with random weights hardly depend on
// its input.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/tensor.hpp"
#include "models/zoo/random.hpp"

namespace dse::zoo {

// Estimates for an activation, over channels and positions.
struct Moments {
  double variance = 1;
  double mean_square = 0;  // the mean's square; means are never negative here
  double power() const { return variance + mean_square; }
};

struct Value {
  std::string name;
  Shape shape;  // NCHW, or NC behind flatten
  Moments moments;
};

struct Attribute {
  std::string name;
  std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>> value;
};

struct Node {
  std::string op_type, name;
  std::vector<std::string> inputs;
  std::string output;
  std::vector<Attribute> attributes;
};

struct Initializer {
  std::string name;
  Shape shape;
  std::variant<Distribution, std::vector<float>, std::vector<std::int64_t>> content;
};

struct ConvOptions {
  std::int64_t out = 0;     // output channels
  std::int64_t kernel = 3;  // square
  std::int64_t stride = 1;
  std::int64_t pad = -1;  // on every side; -1: (kernel - 1) / 2
  std::int64_t groups = 1;
  bool bias = false;
  double variance = 1;  // of the output, aimed at
};

struct PoolOptions {
  std::int64_t kernel = 2;
  std::int64_t stride = 2;
  std::int64_t pad = 0;
  bool ceil = false;  // round the output extents up
};

// Node names are the caller's and unique; a node's output is "<name>_output" until output() gives it its public name.
// Throws Error(internal, ZOO-GRAPH) where a network's description is wrong.
class Builder {
 public:
  Builder(std::string model, std::uint64_t seed) : model_(std::move(model)), seed_(seed) {}

  Value input(const std::string& name, const Shape& shape);
  // A random weight or bias; returns its name.
  std::string weight(const std::string& name, const Shape& shape, const Distribution& distribution);

  Value conv(const std::string& name, const Value& x, const ConvOptions& options);
  // Doubles the extents (kernel 2, stride 2), with bias.
  Value conv_transpose(const std::string& name, const Value& x, std::int64_t out);
  // Inference form with statistics that differ between channels; `scale` is the mean of the multipliers.
  Value batch_norm(const std::string& name, const Value& x, double scale = 1);
  Value relu(const std::string& name, const Value& x);
  Value leaky_relu(const std::string& name, const Value& x, float slope);
  Value relu6(const std::string& name, const Value& x);
  Value lrn(const std::string& name, const Value& x, std::int64_t size, float alpha, float beta, float bias);
  Value add(const std::string& name, const Value& a, const Value& b);
  Value concat(const std::string& name, const std::vector<Value>& parts);
  Value max_pool(const std::string& name, const Value& x, const PoolOptions& options);
  Value average_pool(const std::string& name, const Value& x, const PoolOptions& options);
  Value global_average_pool(const std::string& name, const Value& x);
  // Channels [first, last).
  Value slice_channels(const std::string& name, const Value& x, std::int64_t first, std::int64_t last);
  // Nearest neighbour, twice the extents.
  Value upsample(const std::string& name, const Value& x);
  Value flatten(const std::string& name, const Value& x);
  // Fully connected with bias; weight stored {out, in}. `lift` is the biases' mean: behind a Relu a unit has only one
  // position to be alive at, so hidden layers need one.
  Value gemm(const std::string& name, const Value& x, std::int64_t out, double lift = 0);
  // Makes x an output of the model under this name.
  void output(const std::string& name, const Value& x);

  const std::string& model() const { return model_; }
  std::uint64_t seed() const { return seed_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Initializer>& initializers() const { return initializers_; }
  const std::vector<Value>& inputs() const { return inputs_; }
  const std::vector<Value>& outputs() const { return outputs_; }

 private:
  Value append(const std::string& op_type, const std::string& name, std::vector<std::string> inputs,
               std::vector<Attribute> attributes, Shape shape, Moments moments);
  Value pool(const std::string& op_type, const std::string& name, const Value& x, const PoolOptions& options,
             Moments moments);
  std::string constant(const std::string& name, const Shape& shape, std::vector<std::int64_t> values);
  std::string constant(const std::string& name, const Shape& shape, std::vector<float> values);

  std::string model_;
  std::uint64_t seed_;
  std::vector<Node> nodes_;
  std::vector<Initializer> initializers_;
  std::vector<Value> inputs_, outputs_;
  std::set<std::string> names_;  // of nodes and of initializers
};

}  // namespace dse::zoo
