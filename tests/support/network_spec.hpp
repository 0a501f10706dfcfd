// A network as a short list that can be drawn, shrunk, printed as JSON, and built as an ONNX model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.hpp"

namespace dse::test {

// Values are numbered: the network's inputs first, then every node's results in order.
struct SpecNode {
  std::string op;    // an entry of network_operators.hpp; most are ONNX operators
  std::string name;  // also names its tensors; stays while others are dropped
  std::vector<std::size_t> inputs;
  std::map<std::string, std::vector<std::int64_t>> attributes;  // one that is left out has its plainest value

  bool operator==(const SpecNode&) const = default;
};

struct NetworkSpec {
  std::vector<Shape> inputs;
  std::vector<SpecNode> nodes;
  std::vector<std::size_t> outputs;  // values

  bool operator==(const NetworkSpec&) const = default;
};

// Results of a node; it need not be valid.
std::size_t result_count(const SpecNode& node);
// The number of a node's first result; for nodes.size(): the number of values.
std::size_t first_value(const NetworkSpec& spec, std::size_t node);

// The shape of every value; empty where a node cannot have its inputs.
std::optional<std::vector<Shape>> shapes_of(const NetworkSpec& spec);

// Without the nodes and inputs that no output needs.
NetworkSpec pruned(const NetworkSpec& spec);
// Without a node whose first result is replaced by another, earlier value; empty where it has more results that are
// read.
std::optional<NetworkSpec> without(const NetworkSpec& spec, std::size_t node, std::size_t instead);

// The serialised ModelProto: weights are zero-mean, differ everywhere, and keep values at the size of the inputs.
std::string build_model(const NetworkSpec& spec);

std::string to_json(const NetworkSpec& spec);
NetworkSpec network_spec_from_json(const std::string& text);

}  // namespace dse::test
