#include "models/rules/parameters.hpp"

#include "models/draft.hpp"

namespace dse::rules {

bool has_input(const NodeFacts& facts, std::size_t input) {
  return input < facts.inputs.size() && facts.inputs[input].type != DataType::undefined;
}

std::optional<std::vector<std::int64_t>> integer_input(const NodeFacts& facts, std::size_t input) {
  if (!has_input(facts, input) || facts.constants[input] == nullptr) return std::nullopt;
  const Weight& weight = *facts.constants[input];
  if (weight.tensor.type != DataType::int64 && weight.tensor.type != DataType::int32) return std::nullopt;
  return integers(Constant{weight.tensor, weight.owner, weight.data});
}

std::optional<std::size_t> normal_axis(std::int64_t axis, std::size_t rank) {
  const auto axes = static_cast<std::int64_t>(rank);
  if (axis < -axes || axis >= axes) return std::nullopt;
  return static_cast<std::size_t>(axis < 0 ? axis + axes : axis);
}

NodeNeeds nothing(std::size_t outputs, std::size_t inputs) {
  return {std::vector<Region>(outputs), std::vector<Region>(inputs)};
}

}  // namespace dse::rules
