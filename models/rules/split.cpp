// Split: each output is a slice of the input along one axis.
#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

class Split : public OperatorRule {
 public:
  Split(const NodeFacts& facts, std::size_t axis, std::vector<std::int64_t> offsets)
      : axis_(axis), offsets_(std::move(offsets)), inputs_(facts.inputs.size()) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    NodeNeeds result = nothing(asked.size(), inputs_);
    result.computed = hulls(asked);
    Region read;
    for (std::size_t i = 0; i < asked.size(); ++i)
      if (!asked[i].empty()) read = unite(read, Region(source(i, asked[i].bounds())));
    result.inputs[0] = Region(read.bounds());
    return result;
  }

  void emit(NodeWriter& writer) const override {
    const std::string held = writer.input(0);
    for (std::size_t i = 0; i < offsets_.size(); ++i)
      if (writer.writes(i)) writer.slice(held, writer.input_box(0), source(i, writer.output(i)), writer.output_name(i));
  }

 private:
  Box source(std::size_t output, Box box) const {
    box.lo[axis_] += offsets_[output];
    box.hi[axis_] += offsets_[output];
    return box;
  }

  std::size_t axis_;
  std::vector<std::int64_t> offsets_;
  std::size_t inputs_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_split(const NodeFacts& facts) {
  if (given(facts, 1) && !integer_input(facts, 1)) return nullptr;
  const Shape& whole = facts.inputs[0].shape;
  const auto axis = axis_of(int_attribute(*facts.node, "axis", 0), whole.size());
  if (!axis) return nullptr;
  std::vector<std::int64_t> offsets;
  std::int64_t offset = 0;
  for (const TensorType& output : facts.outputs) {
    Shape across = output.shape;
    if (output.type == DataType::undefined || across.size() != whole.size()) return nullptr;
    offsets.push_back(offset);
    offset += across[*axis];
    across[*axis] = whole[*axis];
    if (across != whole) return nullptr;
  }
  if (offset != whole[*axis]) return nullptr;
  return std::make_unique<Split>(facts, *axis, std::move(offsets));
}

}  // namespace dse::rules
