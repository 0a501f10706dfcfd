// DepthToSpace and SpaceToDepth: a block of b x b positions of one channel is one position of b * b channels.
#include "models/draft.hpp"
#include "models/rules/node_writer.hpp"

namespace dse::rules {
namespace {

class DepthToSpace : public OperatorRule {
 public:
  // Mode CRD keeps the channels of one output channel together; DCR interleaves them, so that channels stay whole.
  DepthToSpace(const NodeFacts& facts, std::int64_t block, bool together)
      : block_(block), together_(together), out_(facts.outputs[0].shape) {}

  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Box out = asked[0].bounds();
    if (!together_) {
      out.lo[1] = 0;
      out.hi[1] = out_[1];
    }
    Box in = out;
    in.lo[1] *= block_ * block_;
    in.hi[1] *= block_ * block_;
    for (const std::size_t axis : {2u, 3u}) {
      in.lo[axis] = out.lo[axis] / block_;
      in.hi[axis] = (out.hi[axis] + block_ - 1) / block_;
      out.lo[axis] = in.lo[axis] * block_;
      out.hi[axis] = in.hi[axis] * block_;
    }
    return {{Region(out)}, {Region(in)}};
  }

  void emit(NodeWriter& writer) const override { writer.same(); }

 private:
  std::int64_t block_;
  bool together_;
  Shape out_;
};

class SpaceToDepth : public OperatorRule {
 public:
  SpaceToDepth(const NodeFacts& facts, std::int64_t block)
      : block_(block), channels_(facts.inputs[0].shape[1]), out_channels_(facts.outputs[0].shape[1]) {}

  // Output channel p * channels + c holds position p of the blocks of input channel c.
  NodeNeeds needs(const std::vector<Region>& asked) const override {
    Box out = asked[0].bounds();
    const std::int64_t position = out.lo[1] / channels_;
    Box in = out;
    if (position == (out.hi[1] - 1) / channels_) {
      in.lo[1] -= position * channels_;
      in.hi[1] -= position * channels_;
    } else {
      in.lo[1] = out.lo[1] = 0;
      in.hi[1] = channels_;
      out.hi[1] = out_channels_;
    }
    for (const std::size_t axis : {2u, 3u}) {
      in.lo[axis] *= block_;
      in.hi[axis] *= block_;
    }
    return {{Region(out)}, {Region(in)}};
  }

  // The operator makes every position of the channels that it is given.
  void emit(NodeWriter& writer) const override {
    const Box out = writer.output(0), in = writer.input_box(0);
    Box made = out, wanted = out;
    const std::int64_t held = in.hi[1] - in.lo[1];
    made.lo[1] = 0;
    made.hi[1] = held * block_ * block_;
    wanted.lo[1] = out.lo[1] / channels_ * held;
    wanted.hi[1] = wanted.lo[1] + out.hi[1] - out.lo[1];
    const std::string name = made == wanted ? writer.output_name(0) : writer.fresh();
    const std::string input = writer.input(0);
    onnx::NodeProto& node = writer.copy();
    node.add_input(input);
    node.add_output(name);
    if (made != wanted) writer.slice(name, made, wanted, writer.output_name(0));
  }

 private:
  std::int64_t block_;
  std::int64_t channels_, out_channels_;
};

// `deep` has block * block times the channels of `wide`, and less of the spatial axes.
bool fits(const Shape& deep, const Shape& wide, std::int64_t block) {
  return block > 0 && deep.size() == 4 && wide.size() == 4 && deep[0] == wide[0] &&
         deep[1] == wide[1] * block * block && deep[2] * block == wide[2] && deep[3] * block == wide[3];
}

}  // namespace

std::unique_ptr<const OperatorRule> make_depth_to_space(const NodeFacts& facts) {
  const std::int64_t block = int_attribute(*facts.node, "blocksize", 0);
  if (!fits(facts.inputs[0].shape, facts.outputs[0].shape, block)) return nullptr;
  const onnx::AttributeProto* mode = find_attribute(*facts.node, "mode");
  const std::string order = mode == nullptr ? "DCR" : mode->s();
  if (order != "DCR" && order != "CRD") return nullptr;
  return std::make_unique<DepthToSpace>(facts, block, order == "CRD");
}

std::unique_ptr<const OperatorRule> make_space_to_depth(const NodeFacts& facts) {
  const std::int64_t block = int_attribute(*facts.node, "blocksize", 0);
  if (!fits(facts.outputs[0].shape, facts.inputs[0].shape, block) || find_attribute(*facts.node, "mode") != nullptr)
    return nullptr;
  return std::make_unique<SpaceToDepth>(facts, block);
}

}  // namespace dse::rules
