// Axes and boxes that several families share: negative axes, broadcasting, operators that pass some axes and need the
// others whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "models/rules/rule.hpp"

namespace dse::rules {

// Whether the node has this input.
bool given(const NodeFacts& facts, std::size_t input);
// Whether the node has its first output and no other.
bool only_first_output(const NodeFacts& facts);

// The axis that an attribute names, counted from the end where it is negative; nothing where there is no such axis.
std::optional<std::size_t> axis_of(std::int64_t axis, std::size_t rank);

// Numpy's broadcasting, of one operand to a result: axes are aligned at the end, an extent of 1 serves every position.
bool broadcasts_to(const Shape& operand, const Shape& result);
Box operand_box(const Box& result, const Shape& operand);

// Of a tensor that is given another shape: axes [in_lo, in_hi) of the input hold the same elements as axes
// [out_lo, out_hi) of the output. Groups as small as possible, in order; none where the shapes hold another number of
// elements.
struct AxisGroup {
  std::size_t in_lo = 0, in_hi = 0, out_lo = 0, out_hi = 0;
};
std::vector<AxisGroup> axis_groups(const Shape& in, const Shape& out);

// Channels cut where a group of `per_group` is only begun or only ended: each range lies inside one group or is made of
// whole ones.
std::vector<Range> cut_at_groups(Range channels, std::int64_t per_group);

// The rule of an operator whose output 0 is like input 0: an element depends on the `whole` axes altogether and on its
// own place along the others. The other inputs are parameters: one dimension as long as `list_axis` of input 0 is a
// list along it, any other shape is read whole. Null where there are more outputs or the shapes differ.
std::unique_ptr<const OperatorRule> make_axiswise(const NodeFacts& facts, std::vector<std::size_t> whole,
                                                  std::optional<std::size_t> list_axis = {});

}  // namespace dse::rules
