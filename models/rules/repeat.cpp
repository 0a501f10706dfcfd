// Expand and Tile: a part reads the elements that it repeats once.
#include "models/draft.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

class Expand : public OperatorRule {
 public:
  explicit Expand(Shape in) : in_(std::move(in)) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    const std::size_t added = out.lo.size() - in_.size();
    Box in = Box::whole(in_);
    for (std::size_t axis = 0; axis < in_.size(); ++axis) {
      if (in_[axis] == 1) continue;
      in.lo[axis] = out.lo[axis + added];
      in.hi[axis] = out.hi[axis + added];
    }
    return {{Region(out)}, {Region(in), Region()}};
  }

  void emit(NodeWriter& writer) const override {
    writer.add("Expand", {writer.input(0), writer.integers(writer.output(0).extents())}, {writer.output_name(0)});
  }

 private:
  Shape in_;
};

// A range within one period reads that range; a longer one is widened to whole periods.
class Tile : public OperatorRule {
 public:
  explicit Tile(Shape in) : in_(std::move(in)) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Box out = asked[0].bounds(), in = Box::whole(in_);
    for (std::size_t axis = 0; axis < in_.size(); ++axis) {
      const std::int64_t period = in_[axis];
      const std::int64_t first = out.lo[axis] / period, last = (out.hi[axis] - 1) / period;
      if (first == last) {
        in.lo[axis] = out.lo[axis] - first * period;
        in.hi[axis] = out.hi[axis] - first * period;
      } else {
        out.lo[axis] = first * period;
        out.hi[axis] = (last + 1) * period;
      }
    }
    return {{Region(out)}, {Region(in), Region()}};
  }

  void emit(NodeWriter& writer) const override {
    Shape repeats = writer.output(0).extents();
    const Shape held = writer.input_box(0).extents();
    for (std::size_t axis = 0; axis < repeats.size(); ++axis) repeats[axis] /= held[axis];
    writer.add("Tile", {writer.input(0), writer.integers(repeats)}, {writer.output_name(0)});
  }

 private:
  Shape in_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_expand(const NodeFacts& facts) {
  if (!integer_input(facts, 1)) return nullptr;
  const Shape& in = facts.inputs[0].shape;
  const Shape& out = facts.outputs[0].shape;
  if (in.size() > out.size()) return nullptr;
  for (std::size_t axis = 0; axis < in.size(); ++axis)
    if (in[axis] != 1 && in[axis] != out[axis + out.size() - in.size()]) return nullptr;
  return std::make_unique<Expand>(in);
}

std::unique_ptr<const OperatorRule> make_tile(const NodeFacts& facts) {
  const auto repeats = integer_input(facts, 1);
  const Shape& in = facts.inputs[0].shape;
  const Shape& out = facts.outputs[0].shape;
  if (facts.opset < 6 || !repeats || repeats->size() != in.size() || out.size() != in.size()) return nullptr;
  for (std::size_t axis = 0; axis < in.size(); ++axis)
    if (in[axis] * (*repeats)[axis] != out[axis]) return nullptr;
  return std::make_unique<Tile>(in);
}

}  // namespace dse::rules
