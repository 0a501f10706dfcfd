// Transpose: output axis i is input axis perm[i].
#include <numeric>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

class Transpose : public OperatorRule {
 public:
  explicit Transpose(std::vector<std::size_t> perm) : perm_(std::move(perm)) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    Box in = out;
    for (std::size_t axis = 0; axis < perm_.size(); ++axis) {
      in.lo[perm_[axis]] = out.lo[axis];
      in.hi[perm_[axis]] = out.hi[axis];
    }
    return {{Region(out)}, {Region(in)}};
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

 private:
  std::vector<std::size_t> perm_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_transpose(const NodeFacts& facts) {
  const Shape& in = facts.inputs[0].shape;
  const Shape& out = facts.outputs[0].shape;
  std::vector<std::int64_t> perm = ints_attribute(*facts.node, "perm");
  if (perm.empty()) {
    perm.resize(in.size());
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  if (perm.size() != in.size() || out.size() != in.size()) return nullptr;
  std::vector<std::size_t> axes;
  std::vector<bool> seen(in.size(), false);
  for (std::size_t i = 0; i < perm.size(); ++i) {
    const auto axis = axis_of(perm[i], in.size());
    if (!axis || seen[*axis] || in[*axis] != out[i]) return nullptr;
    seen[*axis] = true;
    axes.push_back(*axis);
  }
  return std::make_unique<Transpose>(std::move(axes));
}

}  // namespace dse::rules
