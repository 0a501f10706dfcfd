// Softmax, LogSoftmax and Hardmax: over one axis since operator set 13, before it over all axes from `axis` on.
#include "models/draft.hpp"
#include "models/rules/axes.hpp"

namespace dse::rules {

std::unique_ptr<const OperatorRule> make_softmax(const NodeFacts& facts) {
  if (!given(facts, 0)) return nullptr;
  const std::size_t rank = facts.inputs[0].shape.size();
  const bool one_axis = facts.opset >= 13;
  const auto axis = axis_of(int_attribute(*facts.node, "axis", one_axis ? -1 : 1), rank);
  if (!axis) return nullptr;
  std::vector<std::size_t> whole{*axis};
  for (std::size_t next = *axis + 1; !one_axis && next < rank; ++next) whole.push_back(next);
  return make_axiswise(facts, std::move(whole));
}

}  // namespace dse::rules
