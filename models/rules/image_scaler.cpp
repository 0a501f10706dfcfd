// ImageScaler, of the operator sets' experimental days: scale · x + bias, with a bias for each channel as an attribute.
#include "models/draft.hpp"
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

class ImageScaler : public OperatorRule {
 public:
  NodeNeeds needs(const std::vector<Region>& asked) const override { return {hulls(asked), hulls(asked)}; }

  void emit(NodeWriter& writer) const override {
    const std::string read = writer.input(0);
    const Box out = writer.output(0);
    onnx::NodeProto& node = writer.copy();
    node.add_input(read);
    node.add_output(writer.output_name(0));
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.name() != "bias") continue;
      const std::vector<float> bias(attribute.floats().begin(), attribute.floats().end());
      attribute.mutable_floats()->Assign(bias.begin() + out.lo[1], bias.begin() + out.hi[1]);
    }
  }
};

}  // namespace

std::unique_ptr<const OperatorRule> make_image_scaler(const NodeFacts& facts) {
  if (!given(facts, 0) || facts.inputs.size() != 1 || !only_first_output(facts)) return nullptr;
  const Shape& shape = facts.inputs[0].shape;
  const onnx::AttributeProto* bias = find_attribute(*facts.node, "bias");
  if (shape.size() != 4 || facts.outputs[0].shape != shape) return nullptr;
  if (bias == nullptr || bias->floats_size() != shape[1]) return nullptr;
  return std::make_unique<ImageScaler>();
}

}  // namespace dse::rules
