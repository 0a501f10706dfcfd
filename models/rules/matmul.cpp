// Matrix products over the last two axes with the axes before them broadcast: MatMul, and its integer forms, whose
// scales and zero points are single numbers or, of the second matrix, lists along the columns.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

// Which input is which.
struct Layout {
  std::size_t a = 0, b = 1;
  std::vector<std::size_t> by_column;  // a single number or a list along the columns
};

Layout layout_of(const onnx::NodeProto& node) {
  if (node.op_type() == "MatMulInteger") return {0, 1, {3}};
  if (node.op_type() == "QLinearMatMul") return {0, 3, {4, 5}};
  return {};
}

class MatMul : public OperatorRule {
 public:
  MatMul(const NodeFacts& facts, Layout layout)
      : layout_(std::move(layout)), inputs_(facts.inputs), length_(facts.inputs[0].shape.back()) {
    const bool matrix = facts.constants[layout_.b] != nullptr && inputs_[layout_.b].shape.size() == 2;
    if (facts.node->op_type() == "MatMul" && matrix) summed_ = length_;
  }

  NodeNeeds needs(const std::vector<Region>& asked) const override { return partial_needs(asked[0], {0, length_}); }
  void emit(NodeWriter& writer) const override { writer.same(); }

  std::int64_t summed() const override { return summed_; }
  std::size_t summed_axis() const override { return inputs_[layout_.a].shape.size() - 1; }

  NodeNeeds partial_needs(const Region& asked, Range range) const override {
    const Box out = asked.bounds();
    const std::size_t columns = out.lo.size() - 1, rows = columns - 1;
    NodeNeeds result{{Region(out)}, std::vector<Region>(inputs_.size())};
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Shape& shape = inputs_[i].shape;
      if (i == layout_.a)
        result.inputs[i] = Region(matrix_box(shape, out, {out.lo[rows], out.hi[rows]}, range));
      else if (i == layout_.b)
        result.inputs[i] = Region(matrix_box(shape, out, range, {out.lo[columns], out.hi[columns]}));
      else if (inputs_[i].type != DataType::undefined)
        result.inputs[i] = Region(operand_box(out, shape));
    }
    return result;
  }

  void emit_partial(NodeWriter& writer, Range) const override { writer.same(); }

 private:
  static Box matrix_box(const Shape& shape, const Box& out, Range rows, Range columns) {
    Box box = out;
    box.lo.resize(out.lo.size() - 2);
    box.hi.resize(out.hi.size() - 2);
    box = operand_box(box, {shape.begin(), shape.end() - 2});
    for (const Range& range : {rows, columns}) {
      box.lo.push_back(range.lo);
      box.hi.push_back(range.hi);
    }
    return box;
  }

  Layout layout_;
  std::vector<TensorType> inputs_;
  std::int64_t length_;
  std::int64_t summed_ = 0;
};

bool shapes_fit(const Shape& a, const Shape& b, const Shape& out) {
  if (a.size() < 2 || b.size() < 2 || out.size() < 2) return false;
  const std::size_t batches = out.size() - 2;
  const Shape batch(out.begin(), out.end() - 2);
  return a.back() == b[b.size() - 2] && out[batches] == a[a.size() - 2] && out.back() == b.back() &&
         broadcasts_to({a.begin(), a.end() - 2}, batch) && broadcasts_to({b.begin(), b.end() - 2}, batch);
}

}  // namespace

std::unique_ptr<const OperatorRule> make_matmul(const NodeFacts& facts) {
  Layout layout = layout_of(*facts.node);
  if (!given(facts, layout.a) || !given(facts, layout.b) || !only_first_output(facts)) return nullptr;
  const Shape& out = facts.outputs[0].shape;
  if (!shapes_fit(facts.inputs[layout.a].shape, facts.inputs[layout.b].shape, out)) return nullptr;
  for (std::size_t i = 0; i < facts.inputs.size(); ++i) {
    if (i == layout.a || i == layout.b || !given(facts, i)) continue;
    const Shape& shape = facts.inputs[i].shape;
    const auto& lists = layout.by_column;
    const bool may_be_list = std::find(lists.begin(), lists.end(), i) != lists.end();
    if (facts.inputs[i].elements() != 1 && !(may_be_list && shape == Shape{out.back()})) return nullptr;
    if (shape.size() > 1) return nullptr;
  }
  return std::make_unique<MatMul>(facts, std::move(layout));
}

}  // namespace dse::rules
