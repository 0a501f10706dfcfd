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

// What may be rounded: quantisation is discontinuous, so its input must be the same to the last bit wherever it is
// computed, and of one rounding: the engine merges two in a row into one that is not equal to them.
struct Exactness {
  bool same_bits = false;  // only moved, selected and rounded: nothing was added up in floating point
  bool rounded = false;    // some of it has been quantised
  bool on_grid = false;    // all of it is what DequantizeLinear gives: products with quantised weights add up exactly
};
// Empty where the node may not have such inputs.
std::optional<Exactness> exactness(const SpecNode& node, const std::vector<Exactness>& inputs);

}  // namespace dse::test
