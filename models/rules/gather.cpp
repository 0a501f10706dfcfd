// Gather and GatherND: the axes that indices choose from are needed as far as the indices are known, the others pass
// through.
#include <algorithm>
#include <cstring>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"
#include "models/rules/parameters.hpp"

namespace dse::rules {
namespace {

void append(Box& box, std::int64_t lo, std::int64_t hi) {
  box.lo.push_back(lo);
  box.hi.push_back(hi);
}

// Axes [from, to) of a box.
Box axes_of(const Box& box, std::size_t from, std::size_t to) {
  Box result;
  for (std::size_t axis = from; axis < to; ++axis) append(result, box.lo[axis], box.hi[axis]);
  return result;
}

class Gather : public OperatorRule {
 public:
  Gather(const NodeFacts& facts, std::size_t axis, std::optional<std::vector<std::int64_t>> indices)
      : axis_(axis),
        data_(facts.inputs[0].shape),
        scatters_(facts.constants[0] == nullptr && facts.opset >= oldest_concat),
        index_type_(facts.inputs[1]),
        indices_(std::move(indices)) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    const Box chosen = index_box(out);
    NodeNeeds result{{Region(out)}, {}};
    Box data = axes_of(out, 0, axis_);
    append(data, 0, data_[axis_]);
    for (std::size_t axis = axis_ + chosen.lo.size(); axis < out.lo.size(); ++axis)
      append(data, out.lo[axis], out.hi[axis]);
    result.inputs = {indices_ ? chosen_of(data, used_indices(chosen)) : Region(data),
                     indices_ ? Region() : Region(chosen)};
    return result;
  }

  void emit(NodeWriter& writer) const override {
    const std::string data =
        scatters_ ? writer.concat(writer.pieces(0), static_cast<std::int64_t>(axis_)) : writer.input(0);
    const std::string indices = indices_ ? moved_indices(writer) : writer.input(1);
    onnx::NodeProto& node = writer.copy();
    node.add_input(data);
    node.add_input(indices);
    node.add_output(writer.output_name(0));
  }

  bool reads_pieces() const override { return scatters_; }

 private:
  Box index_box(const Box& out) const { return axes_of(out, axis_, axis_ + index_type_.shape.size()); }

  std::vector<std::int64_t> used_indices(const Box& box) const {
    std::vector<std::int64_t> result;
    std::vector<std::int64_t> at = box.lo.shape();
    for (std::int64_t i = 0; i < box.elements(); ++i) {
      std::int64_t offset = 0;
      for (std::size_t axis = 0; axis < at.size(); ++axis) offset = offset * index_type_.shape[axis] + at[axis];
      result.push_back((*indices_)[static_cast<std::size_t>(offset)]);
      for (std::size_t axis = at.size(); axis-- > 0;) {
        if (++at[axis] < box.hi[axis]) break;
        at[axis] = box.lo[axis];
      }
    }
    return result;
  }

  // Runs of chosen positions, all others of which nobody sends; of a constant the box that holds them.
  Region chosen_of(const Box& data, std::vector<std::int64_t> used) const {
    std::sort(used.begin(), used.end());
    Boxes runs;
    for (const std::int64_t index : used) {
      if (!runs.empty() && (!scatters_ || index <= runs.back().hi[axis_])) {
        runs.back().hi[axis_] = index + 1;
        continue;
      }
      runs.push_back(data);
      runs.back().lo[axis_] = index;
      runs.back().hi[axis_] = index + 1;
    }
    return Region(runs);
  }

  // Where a position of the data stands in the pieces that are there, one behind the other.
  std::int64_t moved(const Boxes& pieces, std::int64_t index) const {
    std::int64_t before = 0;
    for (const Box& piece : pieces) {
      if (index < piece.hi[axis_]) return before + index - piece.lo[axis_];
      before += piece.hi[axis_] - piece.lo[axis_];
    }
    return before;
  }

  // The indices into the data that is there.
  std::string moved_indices(NodeWriter& writer) const {
    const Box box = index_box(writer.output(0));
    std::string bytes;
    for (const std::int64_t index : used_indices(box)) {
      const std::int64_t wide = moved(writer.input_boxes(0), index);
      const auto narrow = static_cast<std::int32_t>(wide);
      if (index_type_.type == DataType::int64)
        bytes.append(reinterpret_cast<const char*>(&wide), sizeof wide);
      else
        bytes.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
    }
    return writer.like({index_type_.type, box.extents()}, std::move(bytes));
  }

  std::size_t axis_;
  Shape data_;
  bool scatters_;  // the data is an activation: only what is chosen of it is read
  TensorType index_type_;
  std::optional<std::vector<std::int64_t>> indices_;  // not negative; nothing where they are no constant
};

class GatherNd : public OperatorRule {
 public:
  GatherNd(const NodeFacts& facts, std::size_t batch_axes)
      : data_(facts.inputs[0].shape), indices_(facts.inputs[1].shape), batch_axes_(batch_axes) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    const std::size_t positions = indices_.size() - 1;
    const std::size_t chosen_to = batch_axes_ + static_cast<std::size_t>(indices_.back());
    Box indices = axes_of(out, 0, positions);
    append(indices, 0, indices_.back());
    Box data = axes_of(out, 0, batch_axes_);
    for (std::size_t axis = batch_axes_; axis < chosen_to; ++axis) append(data, 0, data_[axis]);
    for (std::size_t axis = positions; axis < out.lo.size(); ++axis) append(data, out.lo[axis], out.hi[axis]);
    return {{Region(out)}, {Region(data), Region(indices)}};
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

 private:
  Shape data_, indices_;
  std::size_t batch_axes_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_gather(const NodeFacts& facts) {
  const Shape& data = facts.inputs[0].shape;
  const TensorType& type = facts.inputs[1];
  const auto axis = axis_of(int_attribute(*facts.node, "axis", 0), data.size());
  if (!axis) return nullptr;
  const auto at = static_cast<std::ptrdiff_t>(*axis);
  Shape out(data.begin(), data.begin() + at);
  out.insert(out.end(), type.shape.begin(), type.shape.end());
  out.insert(out.end(), data.begin() + at + 1, data.end());
  if (out != facts.outputs[0].shape) return nullptr;
  std::optional<std::vector<std::int64_t>> indices = integer_input(facts, 1);
  if (facts.constants[1] != nullptr && !indices) return nullptr;
  if (indices)
    for (std::int64_t& index : *indices) {
      if (index < 0) index += data[*axis];
      if (index < 0 || index >= data[*axis]) return nullptr;
    }
  return std::make_unique<Gather>(facts, *axis, std::move(indices));
}

std::unique_ptr<const OperatorRule> make_gather_nd(const NodeFacts& facts) {
  const Shape& data = facts.inputs[0].shape;
  const Shape& indices = facts.inputs[1].shape;
  const std::int64_t batch = int_attribute(*facts.node, "batch_dims", 0);
  if (indices.empty() || batch < 0 || batch >= static_cast<std::int64_t>(std::min(data.size(), indices.size())))
    return nullptr;
  if (indices.back() > static_cast<std::int64_t>(data.size()) - batch) return nullptr;
  Shape out(indices.begin(), indices.end() - 1);
  out.insert(out.end(), data.begin() + batch + indices.back(), data.end());
  if (out != facts.outputs[0].shape || !std::equal(data.begin(), data.begin() + batch, indices.begin())) return nullptr;
  return std::make_unique<GatherNd>(facts, static_cast<std::size_t>(batch));
}

}  // namespace dse::rules
