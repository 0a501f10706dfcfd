#include "models/rules/parameters.hpp"

#include "models/draft.hpp"
#include "models/rules/axes.hpp"

namespace dse::rules {

std::optional<std::vector<std::int64_t>> integer_input(const NodeFacts& facts, std::size_t input) {
  if (!given(facts, input) || facts.constants[input] == nullptr) return std::nullopt;
  const Weight& weight = *facts.constants[input];
  if (weight.tensor.type != DataType::int64 && weight.tensor.type != DataType::int32) return std::nullopt;
  return integers(Constant{weight.tensor, weight.owner, weight.data});
}

NodeNeeds nothing(std::size_t outputs, std::size_t inputs) {
  return {std::vector<Region>(outputs), std::vector<Region>(inputs)};
}

}  // namespace dse::rules
