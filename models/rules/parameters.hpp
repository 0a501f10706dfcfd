// Inputs that are parameters of an operator rather than data: axes, pads, repeats.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/rules/rule.hpp"

namespace dse::rules {

// Nothing where the input is absent, no constant, or holds no 32- or 64-bit integers.
std::optional<std::vector<std::int64_t>> integer_input(const NodeFacts& facts, std::size_t input);

// Nothing computed, nothing read, of as many outputs and inputs as the node has.
NodeNeeds nothing(std::size_t outputs, std::size_t inputs);

}  // namespace dse::rules
