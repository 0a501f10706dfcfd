// Slice: output position o of an axis is input position start + o * step.
#include <algorithm>
#include <cstdlib>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

struct Stepping {
  std::int64_t start = 0, step = 1;

  std::int64_t at(std::int64_t position) const { return start + position * step; }
};

class Slice : public OperatorRule {
 public:
  Slice(const NodeFacts& facts, std::vector<Stepping> axes)
      : axes_(std::move(axes)),
        inputs_(facts.inputs.size()),
        scatters_(facts.constants[0] == nullptr && facts.opset >= oldest_concat) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    Box box = out;
    NodeNeeds result = nothing(1, inputs_);
    result.computed[0] = Region(out);
    for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
      const std::int64_t first = axes_[axis].at(box.lo[axis]), last = axes_[axis].at(box.hi[axis] - 1);
      box.lo[axis] = std::min(first, last);
      box.hi[axis] = std::max(first, last) + 1;
    }
    const std::size_t apart = apart_axis(out);
    result.inputs[0] = apart < axes_.size() ? positions(box, out, apart) : Region(box);
    return result;
  }

  void emit(NodeWriter& writer) const override {
    std::vector<std::int64_t> starts, ends, axes, steps;
    const Box held = writer.input_box(0);
    const std::size_t apart = writer.holds(0) ? axes_.size() : apart_axis(writer.output(0));
    const std::string data =
        apart < axes_.size() ? writer.concat(writer.pieces(0), static_cast<std::int64_t>(apart)) : writer.input(0);
    for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
      const bool joined = axis == apart;
      const std::int64_t step = joined ? (axes_[axis].step > 0 ? 1 : -1) : axes_[axis].step;
      const std::int64_t extent =
          joined ? static_cast<std::int64_t>(writer.input_boxes(0).size()) : held.hi[axis] - held.lo[axis];
      if (step == 1) continue;
      starts.push_back(step > 0 ? 0 : extent - 1);
      ends.push_back(step > 0 ? extent : -extent - 1);  // what is still negative counted from the end lies before 0
      axes.push_back(static_cast<std::int64_t>(axis));
      steps.push_back(step);
    }
    if (axes.empty())
      writer.add("Identity", {data}, {writer.output_name(0)});
    else
      writer.add("Slice",
                 {data, writer.integers(starts), writer.integers(ends), writer.integers(axes), writer.integers(steps)},
                 {writer.output_name(0)});
  }

  bool reads_pieces() const override { return scatters_; }

 private:
  // The axis whose positions are read one by one, so that nobody sends what lies between them: the first that is
  // stepped along, where a region has boxes enough; axes_.size(): none.
  std::size_t apart_axis(const Box& out) const {
    for (std::size_t axis = 0; scatters_ && axis < axes_.size(); ++axis) {
      const std::int64_t positions = out.hi[axis] - out.lo[axis];
      const bool stepped = std::abs(axes_[axis].step) > 1;
      if (stepped && positions > 1 && positions <= static_cast<std::int64_t>(Region::max_boxes)) return axis;
    }
    return axes_.size();
  }

  Region positions(const Box& box, const Box& out, std::size_t axis) const {
    Boxes boxes;
    for (std::int64_t position = out.lo[axis]; position < out.hi[axis]; ++position) {
      boxes.push_back(box);
      boxes.back().lo[axis] = axes_[axis].at(position);
      boxes.back().hi[axis] = boxes.back().lo[axis] + 1;
    }
    return Region(boxes);
  }

  std::vector<Stepping> axes_;
  std::size_t inputs_;
  bool scatters_;  // of an activation
};

struct Parameters {
  std::vector<std::int64_t> starts, axes, steps;
};

std::optional<Parameters> parameters_of(const NodeFacts& facts) {
  Parameters result;
  if (facts.opset < 10) {
    result.starts = ints_attribute(*facts.node, "starts");
    result.axes = ints_attribute(*facts.node, "axes");
  } else {
    for (std::size_t i = 1; i < facts.inputs.size(); ++i)
      if (given(facts, i) && !integer_input(facts, i)) return std::nullopt;
    result.starts = integer_input(facts, 1).value_or(result.starts);
    result.axes = integer_input(facts, 3).value_or(result.axes);
    result.steps = integer_input(facts, 4).value_or(result.steps);
  }
  if (result.axes.empty())
    for (std::size_t i = 0; i < result.starts.size(); ++i) result.axes.push_back(static_cast<std::int64_t>(i));
  if (result.steps.empty()) result.steps.resize(result.starts.size(), 1);
  if (result.starts.size() != result.axes.size() || result.starts.size() != result.steps.size()) return std::nullopt;
  return result;
}

// The ends say no more than the output's shape does.
std::optional<Stepping> stepping(std::int64_t start, std::int64_t step, std::int64_t extent, std::int64_t outputs) {
  if (step == 0) return std::nullopt;
  if (start < 0) start += extent;
  Stepping result{std::clamp(start, std::int64_t{0}, step > 0 ? extent : extent - 1), outputs == 1 ? 1 : step};
  if (result.step <= -extent || result.step >= std::max<std::int64_t>(extent, 2)) return std::nullopt;
  const std::int64_t last = result.at(outputs - 1);
  if (result.start >= extent || last < 0 || last >= extent) return std::nullopt;
  return result;
}

}  // namespace

std::unique_ptr<const OperatorRule> make_slice(const NodeFacts& facts) {
  const Shape& whole = facts.inputs[0].shape;
  const Shape& out = facts.outputs[0].shape;
  const auto parameters = parameters_of(facts);
  if (!parameters || whole.size() != out.size()) return nullptr;
  std::vector<Stepping> axes(whole.size());
  std::vector<bool> sliced(whole.size(), false);
  for (std::size_t i = 0; i < parameters->axes.size(); ++i) {
    const auto axis = axis_of(parameters->axes[i], whole.size());
    if (!axis || sliced[*axis]) return nullptr;
    const auto found = stepping(parameters->starts[i], parameters->steps[i], whole[*axis], out[*axis]);
    if (!found) return nullptr;
    axes[*axis] = *found;
    sliced[*axis] = true;
  }
  for (std::size_t axis = 0; axis < whole.size(); ++axis)
    if (!sliced[axis] && whole[axis] != out[axis]) return nullptr;
  return std::make_unique<Slice>(facts, std::move(axes));
}

}  // namespace dse::rules
