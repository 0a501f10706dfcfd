// Concat: each input lies at its offset along one axis; those that a part does not touch are left out.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

class Concat : public OperatorRule {
 public:
  Concat(const NodeFacts& facts, std::size_t axis) : axis_(axis) {
    for (const TensorType& input : facts.inputs) extents_.push_back(input.shape[axis]);
  }

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    NodeNeeds result{{Region(out)}, {}};
    result.inputs.reserve(extents_.size());
    std::int64_t offset = 0;
    for (const std::int64_t extent : extents_) {
      Box box = out;
      box.lo[axis_] = std::max(out.lo[axis_] - offset, std::int64_t{0});
      box.hi[axis_] = std::min(out.hi[axis_] - offset, extent);
      result.inputs.push_back(box.lo[axis_] < box.hi[axis_] ? Region(std::move(box)) : Region());
      offset += extent;
    }
    return result;
  }

  void emit(NodeWriter& writer) const override {
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < extents_.size(); ++i)
      if (writer.reads(i)) pieces.push_back(writer.input(i));
    writer.concat(pieces, static_cast<std::int64_t>(axis_), writer.output_name(0));
  }

 private:
  std::size_t axis_;
  std::vector<std::int64_t> extents_;
};

// A constant that is read in two places would be loaded as two slices and told as their bounding box.
bool repeats_constant(const NodeFacts& facts) {
  for (std::size_t i = 0; i < facts.constants.size(); ++i)
    if (facts.constants[i] != nullptr &&
        std::count(facts.constants.begin(), facts.constants.end(), facts.constants[i]) > 1)
      return true;
  return false;
}

}  // namespace

std::unique_ptr<const OperatorRule> make_concat(const NodeFacts& facts) {
  if (facts.opset < 4 && find_attribute(*facts.node, "axis") == nullptr) return nullptr;
  const Shape& whole = facts.outputs[0].shape;
  const auto axis = axis_of(int_attribute(*facts.node, "axis", 0), whole.size());
  if (!axis || repeats_constant(facts)) return nullptr;
  std::int64_t sum = 0;
  for (const TensorType& input : facts.inputs) {
    Shape across = input.shape;
    if (across.size() != whole.size()) return nullptr;
    sum += across[*axis];
    across[*axis] = whole[*axis];
    if (across != whole) return nullptr;
  }
  if (sum != whole[*axis]) return nullptr;
  return std::make_unique<Concat>(facts, *axis);
}

}  // namespace dse::rules
