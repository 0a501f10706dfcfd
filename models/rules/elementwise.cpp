// Element-wise operators of any number of operands, with numpy's broadcasting.
#include "models/rules/axes.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

class Elementwise : public OperatorRule {
 public:
  explicit Elementwise(const NodeFacts& facts) : inputs_(facts.inputs), outputs_(facts.outputs) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Region region;
    for (const Region& output : asked) region = unite(region, output);
    const Box box = region.bounds();
    NodeNeeds result;
    for (const TensorType& tensor : outputs_)
      result.computed.push_back(tensor.type == DataType::undefined ? Region() : Region(box));
    for (const TensorType& tensor : inputs_)
      result.inputs.push_back(tensor.type == DataType::undefined ? Region() : Region(operand_box(box, tensor.shape)));
    return result;
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

 private:
  std::vector<TensorType> inputs_;
  std::vector<TensorType> outputs_;
};

}  // namespace

std::unique_ptr<const OperatorRule> make_elementwise(const NodeFacts& facts) {
  const Shape& shape = facts.outputs.at(0).shape;
  for (const TensorType& output : facts.outputs)
    if (output.type != DataType::undefined && output.shape != shape) return nullptr;
  for (const TensorType& input : facts.inputs) {
    if (input.type == DataType::undefined) continue;
    // Before operator set 7 an `axis` said where a smaller operand lies.
    if (facts.opset < 7 && input.shape != shape && input.elements() != 1) return nullptr;
    if (!broadcasts_to(input.shape, shape)) return nullptr;
  }
  return std::make_unique<Elementwise>(facts);
}

}  // namespace dse::rules
