#include "models/rules/rule.hpp"

namespace dse::rules {
namespace {

// numpy's broadcast: axes are aligned at the end, an extent of 1 serves every position.
Box operand_box(const Box& output, const Shape& operand) {
  Box box;
  const std::size_t missing = output.lo.size() - operand.size();
  for (std::size_t axis = 0; axis < operand.size(); ++axis) {
    const bool pinned = operand[axis] == 1;
    box.lo.push_back(pinned ? 0 : output.lo[axis + missing]);
    box.hi.push_back(pinned ? 1 : output.hi[axis + missing]);
  }
  return box;
}

}  // namespace

NodeNeeds elementwise(const onnx::NodeProto&, const NodeShapes& shapes, const std::vector<Region>& asked) {
  Region region;
  for (const Region& output : asked) region = unite(region, output);
  NodeNeeds result;
  for (const TensorType& tensor : shapes.outputs)
    result.computed.push_back(tensor.type == DataType::undefined ? Region() : region);
  for (const TensorType& tensor : shapes.inputs) {
    std::vector<Box> boxes;
    if (tensor.type != DataType::undefined)
      for (const Box& box : region.boxes()) boxes.push_back(operand_box(box, tensor.shape));
    result.inputs.emplace_back(std::move(boxes));
  }
  return result;
}

}  // namespace dse::rules
