// Reshape, Flatten, Squeeze and Unsqueeze: the elements stay in their order. Input and output axes fall into groups of
// equal products; within a group a part is made of a run of consecutive elements that is a box on both sides.
#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

// Elements of a group in row-major order, half-open.
struct Run {
  std::int64_t lo = 0, hi = 0;
  bool operator==(const Run&) const = default;
};

std::int64_t product(const Shape& shape, std::size_t from, std::size_t to) {
  std::int64_t result = 1;
  for (std::size_t axis = from; axis < to; ++axis) result *= shape[axis];
  return result;
}

// From the first to the last element of axes [from, to) of a box.
Run run_of(const Box& box, const Shape& shape, std::size_t from, std::size_t to) {
  Run run;
  for (std::size_t axis = from; axis < to; ++axis) {
    run.lo = run.lo * shape[axis] + box.lo[axis];
    run.hi = run.hi * shape[axis] + box.hi[axis] - 1;
  }
  ++run.hi;
  return run;
}

// Sets axes [from, to) of the box to the smallest one that contains the run and is a run itself: one position on the
// outer axes, a range of the next, all of the inner ones.
Run cover(Run run, Box& box, const Shape& shape, std::size_t from, std::size_t to) {
  std::int64_t base = 0, stride = product(shape, from, to);
  for (std::size_t axis = from; axis < to; ++axis) {
    stride /= shape[axis];
    const std::int64_t first = (run.lo - base) / stride, last = (run.hi - 1 - base) / stride;
    box.lo[axis] = first;
    box.hi[axis] = last + 1;
    if (first != last) {
      for (std::size_t inner = axis + 1; inner < to; ++inner) {
        box.lo[inner] = 0;
        box.hi[inner] = shape[inner];
      }
      return {base + first * stride, base + (last + 1) * stride};
    }
    base += first * stride;
  }
  return run;
}

class Reshape : public OperatorRule {
 public:
  Reshape(const NodeFacts& facts, std::vector<AxisGroup> groups)
      : in_(facts.inputs[0].shape),
        out_(facts.outputs[0].shape),
        inputs_(facts.inputs.size()),
        groups_(std::move(groups)) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Box out = asked[0].bounds(), in = Box::whole(in_);
    for (const AxisGroup& group : groups_) {
      Run run = run_of(out, out_, group.out_lo, group.out_hi), grown = run;
      do {
        run = grown;
        grown = cover(run, in, in_, group.in_lo, group.in_hi);
        grown = cover(grown, out, out_, group.out_lo, group.out_hi);
      } while (grown != run);
    }
    NodeNeeds result = nothing(1, inputs_);
    result.computed[0] = Region(out);
    result.inputs[0] = Region(in);
    return result;
  }

  // Always as a Reshape: Squeeze without axes would take away axes that are short in the part only.
  void emit(NodeWriter& writer) const override {
    const Shape shape = writer.output(0).extents();
    const std::string input = writer.input(0);
    if (writer.facts().opset >= 5)
      writer.add("Reshape", {input, writer.integers(shape)}, {writer.output_name(0)});
    else
      set_ints(writer.add("Reshape", {input}, {writer.output_name(0)}), "shape", shape);
  }

 private:
  Shape in_, out_;
  std::size_t inputs_;
  std::vector<AxisGroup> groups_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_reshape(const NodeFacts& facts) {
  if (given(facts, 1) && !integer_input(facts, 1)) return nullptr;
  const Shape& in = facts.inputs[0].shape;
  const Shape& out = facts.outputs[0].shape;
  if (product(in, 0, in.size()) != product(out, 0, out.size())) return nullptr;
  std::vector<AxisGroup> groups = axis_groups(in, out);
  if (groups.empty() && in.size() + out.size() > 0) return nullptr;
  return std::make_unique<Reshape>(facts, std::move(groups));
}

}  // namespace dse::rules
