// Gemm: alpha · A · B + beta · C with A M × K, B K × N (N × K where transB says so) and C broadcast to M × N. Features
// of the output are columns of B, and K is what a split by inputs sums over.
#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

class Gemm : public OperatorRule {
 public:
  explicit Gemm(const NodeFacts& facts)
      : transposed_(int_attribute(*facts.node, "transB", 0) != 0),
        length_(facts.inputs[0].shape[1]),
        has_addend_(given(facts, 2)),
        needs_addend_(facts.opset < 11),
        inputs_(facts.inputs) {
    const onnx::AttributeProto* beta = find_attribute(*facts.node, "beta");
    const bool plain_bias = !has_addend_ || (facts.constants[2] != nullptr && (beta == nullptr || beta->f() == 1.0F));
    if (facts.constants[1] != nullptr && plain_bias) summed_ = length_;
  }

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    NodeNeeds result = partial_needs(asked[0], {0, length_});
    if (has_addend_) result.inputs[2] = Region(operand_box(asked[0].bounds(), inputs_[2].shape));
    return result;
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

  std::int64_t summed() const override { return summed_; }

  NodeNeeds partial_needs(const Region& asked, Range range) const override {
    const Box out = asked.bounds();
    Box b{{range.lo, out.lo[1]}, {range.hi, out.hi[1]}};
    if (transposed_) b = {{out.lo[1], range.lo}, {out.hi[1], range.hi}};
    NodeNeeds result{{Region(out)}, {Region(Box{{out.lo[0], range.lo}, {out.hi[0], range.hi}}), Region(b)}};
    result.inputs.resize(inputs_.size());
    return result;
  }

  void emit_partial(NodeWriter& writer, Range) const override {
    const std::string a = writer.input(0), b = writer.input(1);
    const TensorType one{inputs_[0].type, {1}};
    const std::string zero =
        needs_addend_ ? writer.like(one, std::string(static_cast<std::size_t>(one.bytes()), '\0')) : "";
    onnx::NodeProto& node = writer.copy();
    node.add_input(a);
    node.add_input(b);
    if (needs_addend_) node.add_input(zero);
    node.add_output(writer.output_name(0));
  }

  int bias_input() const override { return has_addend_ ? 2 : -1; }

 private:
  bool transposed_;
  std::int64_t length_;
  bool has_addend_;
  bool needs_addend_;  // C became optional with operator set 11
  std::vector<TensorType> inputs_;
  std::int64_t summed_ = 0;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_gemm(const NodeFacts& facts) {
  // Before operator set 7 an attribute said whether C is broadcast.
  if (facts.opset < 7 || !given(facts, 0) || !given(facts, 1) || !only_first_output(facts)) return nullptr;
  if (int_attribute(*facts.node, "transA", 0) != 0) return nullptr;
  const Shape& a = facts.inputs[0].shape;
  const Shape& out = facts.outputs[0].shape;
  if (a.size() != 2 || facts.inputs[1].shape.size() != 2 || out.size() != 2) return nullptr;
  const bool transposed = int_attribute(*facts.node, "transB", 0) != 0;
  const Shape b = transposed ? Shape{out[1], a[1]} : Shape{a[1], out[1]};
  if (facts.inputs[1].shape != b || a[0] != out[0]) return nullptr;
  if (given(facts, 2) && !broadcasts_to(facts.inputs[2].shape, out)) return nullptr;
  return std::make_unique<Gemm>(facts);
}

}  // namespace dse::rules
