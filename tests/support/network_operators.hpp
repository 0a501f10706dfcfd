// The operators that random networks are made of: what shapes they accept and give, and their nodes and weights.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "tests/support/network_spec.hpp"
#include "tests/support/onnx_build.hpp"

namespace dse::test {

// Empty where the node is not valid on these inputs.
std::optional<std::vector<Shape>> result_shapes(const SpecNode& node, const std::vector<Shape>& inputs);

// Adds the node with its weights.
void emit(OnnxBuild& build, const SpecNode& node, const std::vector<Shape>& shapes,
          const std::vector<std::string>& inputs, const std::vector<std::string>& results);

// True where an operator gives the same bits however its inputs were computed in parts: it moves, selects or rounds
// values and adds nothing up in floating point.
bool keeps_bits(const std::string& op);
// QuantizeLinear rounds, so its input must be the same to the last bit wherever it is computed.
bool needs_same_bits(const std::string& op);

}  // namespace dse::test
