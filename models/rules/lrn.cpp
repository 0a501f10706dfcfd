// LRN: N × C × spatial; each element is scaled by the squares around it along the channels, fewer at the ends of the
// whole tensor.
#include <algorithm>

#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

class Lrn : public OperatorRule {
 public:
  explicit Lrn(const NodeFacts& facts)
      : size_(int_attribute(*facts.node, "size", 0)), channels_(facts.inputs[0].shape[1]) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    const Box out = asked[0].bounds();
    Box in = out;
    in.lo[1] = std::max<std::int64_t>(0, out.lo[1] - (size_ - 1) / 2);
    in.hi[1] = std::min(channels_, out.hi[1] + size_ / 2);
    return {{Region(out)}, {Region(in)}};
  }

  // Channels at a cut lack neighbours that the whole has: they are computed as well and dropped.
  void emit(NodeWriter& writer) const override {
    const Box in = writer.input_box(0), out = writer.output(0);
    if (in == out) return writer.same();
    const std::string read = writer.input(0);
    const std::string wider = writer.fresh();
    onnx::NodeProto& node = writer.copy();
    node.add_input(read);
    node.add_output(wider);
    writer.concat({writer.slice(wider, in, out)}, 1, writer.output_name(0));
  }

 private:
  std::int64_t size_;
  std::int64_t channels_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_lrn(const NodeFacts& facts) {
  if (!given(facts, 0) || facts.inputs[0].shape.size() < 2 || facts.outputs[0].shape != facts.inputs[0].shape)
    return nullptr;
  if (int_attribute(*facts.node, "size", 0) < 1) return nullptr;
  return std::make_unique<Lrn>(facts);
}

}  // namespace dse::rules
