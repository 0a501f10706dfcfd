#include "models/layer_rule.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "models/graph_builder.hpp"
#include "models/rules/node_writer.hpp"

namespace dse {

// The regions of one part, node by node.
struct LayerRule::Walked {
  std::vector<Region> asked;            // by value
  std::vector<rules::NodeNeeds> needs;  // by node
  std::vector<char> visited;            // by node
};

namespace {

void add(Region& to, const Region& region) {
  if (to.empty())
    to = region;
  else
    to = unite(to, region);
}

}  // namespace

std::string partial_name(const Network& network, LayerId layer, std::size_t part) {
  return fmt::format("dse:partial {} of {}", part, network.layers()[layer].name);
}

LayerRule::LayerRule(const Network& network, const Network::Graph& graph, LayerId layer, std::int64_t opset)
    : graph_(graph), layer_(layer) {
  const Layer& facts = network.layers()[layer];
  for (const WeightId id : facts.weights) {
    weights_.push_back(std::make_shared<const Weight>(network.weights()[id]));
    value_index(weights_.back()->name);
    types_.back() = weights_.back()->tensor;
    weight_.back() = id;
  }
  nodes_.reserve(facts.nodes.size());
  for (const std::size_t index : facts.nodes) add_node(index, opset);
  for (const TensorId id : facts.inputs) inputs_.push_back(value_index(network.tensors()[id].name));
  for (const TensorId id : facts.outputs) {
    outputs_.push_back(value_index(network.tensors()[id].name));
    makers_.push_back(maker_of(outputs_.back()));
  }
  const auto is_activation = [&](std::size_t value) { return value != absent && !weight_[value]; };
  for (std::size_t n = 0; n < nodes_.size() && first_ == absent; ++n)
    if (std::any_of(nodes_[n].inputs.begin(), nodes_[n].inputs.end(), is_activation)) first_ = n;
  splittable_ = !facts.whole && std::all_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.rule; });
  for (std::size_t n = 0; splittable_ && n < nodes_.size(); ++n) {
    const bool reads_port =
        !nodes_[n].inputs.empty() && std::find(inputs_.begin(), inputs_.end(), nodes_[n].inputs[0]) != inputs_.end();
    const bool only_result = nodes_[n].outputs.size() == 1;
    if (nodes_[n].rule->summed() > 0 && reads_port && only_result && anchor_ == absent) anchor_ = n;
  }
  whole_ = whole_needs();
  if (anchor_ == absent) return;
  partial_type_ = nodes_[anchor_].facts.outputs[0];
  if (is_half(partial_type_.type)) partial_type_.type = DataType::float32;
}

std::size_t LayerRule::value_index(const std::string& name) {
  const auto found = std::find(values_.begin(), values_.end(), name);
  if (found != values_.end()) return static_cast<std::size_t>(found - values_.begin());
  values_.push_back(name);
  types_.push_back(type_of(name));
  weight_.emplace_back();
  return values_.size() - 1;
}

TensorType LayerRule::type_of(const std::string& name) const {
  const auto found = graph_.types.find(name);
  return found == graph_.types.end() ? TensorType{} : found->second;
}

void LayerRule::add_node(std::size_t index, std::int64_t opset) {
  const onnx::NodeProto& proto = graph_.nodes[index];
  Node& node = nodes_.emplace_back();
  node.facts.node = &proto;
  node.facts.opset = opset;
  bool sane = true;
  const auto add = [&](const std::string& name, std::vector<std::size_t>& indices, std::vector<TensorType>& types) {
    indices.push_back(name.empty() ? absent : value_index(name));
    types.push_back(name.empty() ? TensorType{} : types_[indices.back()]);
    // Resize's unused parameters are often empty constants.
    const bool filled = name.empty() || weight_[indices.back()] || types.back().elements() > 0;
    sane = sane && filled && (name.empty() || types.back().type != DataType::undefined);
  };
  for (const std::string& name : proto.input()) {
    add(name, node.inputs, node.facts.inputs);
    const Weight* weight = nullptr;
    for (const auto& one : weights_)
      if (one->name == name) weight = one.get();
    node.facts.constants.push_back(weight);
  }
  for (const std::string& name : proto.output()) add(name, node.outputs, node.facts.outputs);
  if (sane) node.rule = rules::make_rule(node.facts);
}

LayerRule::Maker LayerRule::maker_of(std::size_t value) const {
  for (std::size_t n = 0; n < nodes_.size(); ++n)
    for (std::size_t i = 0; i < nodes_[n].outputs.size(); ++i)
      if (nodes_[n].outputs[i] == value) return {n, i};
  return {};
}

std::int64_t LayerRule::summed() const { return anchor_ == absent ? 0 : nodes_[anchor_].rule->summed(); }

SummedInput LayerRule::summed_input() const {
  const Node& anchor = nodes_.at(anchor_);
  const auto found = std::find(inputs_.begin(), inputs_.end(), anchor.inputs[0]);
  return {static_cast<std::size_t>(found - inputs_.begin()), anchor.rule->summed_axis()};
}

// What is asked of a value is complete when its node is visited, and of no use after.
void LayerRule::visit(const Node& node, Walked& walked, std::size_t at) const {
  std::vector<Region> asked(node.outputs.size());
  bool wanted = false;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (node.outputs[i] != absent) asked[i] = std::move(walked.asked[node.outputs[i]]);
    wanted = wanted || !asked[i].empty();
  }
  if (!wanted) return;
  walked.visited[at] = 1;
  walked.needs[at] = node.rule->needs(asked);
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (node.inputs[i] != absent) add(walked.asked[node.inputs[i]], walked.needs[at].inputs[i]);
}

LayerRule::Walked LayerRule::walk(const PartWork& work) const {
  Walked walked{std::vector<Region>(values_.size()), std::vector<rules::NodeNeeds>(nodes_.size()),
                std::vector<char>(nodes_.size(), 0)};
  if (work.kind == PartKind::partial) {
    const Node& anchor = nodes_.at(anchor_);
    walked.visited[anchor_] = 1;
    walked.needs[anchor_] = anchor.rule->partial_needs(work.outputs.at(0), {work.lo, work.hi});
    for (std::size_t i = 0; i < anchor.inputs.size(); ++i)
      if (anchor.inputs[i] != absent) walked.asked[anchor.inputs[i]] = walked.needs[anchor_].inputs[i];
    return walked;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) add(walked.asked[outputs_[i]], work.outputs[i]);
  for (std::size_t n = nodes_.size(); n-- > 0;)
    if (work.kind != PartKind::reduce || n != anchor_) visit(nodes_[n], walked, n);
  return walked;
}

// Weights stay as they are, so that the nodes can; of an input, a Slice or a strided window may leave out a part.
RuleResult LayerRule::whole_needs() const {
  RuleResult result;
  for (const std::size_t value : outputs_) result.computed.push_back(Region::whole(types_[value].shape));
  for (const std::size_t value : inputs_) result.inputs.push_back(Region::whole(types_[value].shape));
  for (std::size_t value = 0; value < values_.size(); ++value)
    if (weight_[value]) result.weights.push_back({*weight_[value], Box::whole(types_[value].shape)});
  if (!splittable_) return result;
  Walked walked = walk({layer_, PartKind::full, result.computed});
  result.inputs = read_inputs(walked);
  return result;
}

RuleResult LayerRule::needs(const PartWork& work) const {
  if (work.kind != PartKind::partial && work.outputs.size() != outputs_.size())
    throw Error(ExitCode::internal, "RULE-OUTPUTS", "a layer was asked for another number of outputs than it has");
  if (!splittable_ || asks_for_everything(work)) return whole_;
  Walked walked = walk(work);
  RuleResult result;
  result.fraction = fraction_of(work, walked);
  for (const Maker& maker : makers_) {
    if (work.kind == PartKind::partial || maker.node == absent || walked.visited[maker.node] == 0)
      result.computed.emplace_back();
    else
      result.computed.push_back(std::move(walked.needs[maker.node].computed[maker.output]));
  }
  if (work.kind == PartKind::partial) result.computed = {std::move(walked.needs[anchor_].computed[0])};
  if (work.kind == PartKind::reduce) {
    const std::size_t sum = nodes_[anchor_].outputs[0];
    result.addends = rules::hulls({walked.asked[sum]})[0];
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      if (outputs_[i] == sum) result.computed[i] = result.addends;
  }
  for (std::size_t value = 0; value < values_.size(); ++value)
    if (weight_[value] && !walked.asked[value].empty())
      result.weights.push_back({*weight_[value], walked.asked[value].bounds()});
  result.inputs = read_inputs(walked);
  if (work.kind == PartKind::reduce) add_bias(result);
  return result;
}

std::vector<Region> LayerRule::read_inputs(Walked& walked) const {
  std::vector<Region> inputs;
  inputs.reserve(inputs_.size());
  for (const std::size_t value : inputs_) {
    Region& asked = walked.asked[value];
    const bool one_box = asked.boxes().size() <= 1;
    inputs.push_back(one_box || reads_pieces(value) ? std::move(asked) : Region(asked.bounds()));
  }
  return inputs;
}

bool LayerRule::reads_pieces(std::size_t value) const {
  std::size_t readers = 0, apart = 0;
  for (const Node& node : nodes_)
    for (const std::size_t input : node.inputs)
      if (input == value) {
        ++readers;
        apart += node.rule->reads_pieces() ? 1 : 0;
      }
  return readers == 1 && apart == 1;
}

double LayerRule::fraction_of(const PartWork& work, const Walked& walked) const {
  const auto share = [](const Region& region, const TensorType& type) {
    return static_cast<double>(region.elements()) / static_cast<double>(type.elements());
  };
  if (work.kind == PartKind::reduce) return 0;
  if (work.kind == PartKind::partial)
    return share(walked.needs[anchor_].computed[0], partial_type()) * static_cast<double>(work.hi - work.lo) /
           static_cast<double>(summed());
  if (first_ == absent) return 1;
  const Node& node = nodes_[first_];
  double fraction = 0;
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    if (walked.visited[first_] != 0 && node.outputs[i] != absent)
      fraction = std::max(fraction, share(walked.needs[first_].computed[i], node.facts.outputs[i]));
  return fraction;
}

void LayerRule::add_bias(RuleResult& result) const {
  const rules::OperatorRule& rule = *nodes_[anchor_].rule;
  if (rule.bias_input() < 0 || result.addends.empty()) return;
  const std::size_t value = nodes_[anchor_].inputs[static_cast<std::size_t>(rule.bias_input())];
  result.weights.push_back({*weight_[value], bias_box(result.addends.bounds())});
}

// The part of the bias that belongs to a box of the sum; its own shape is broadcast from the end, or rank 1 along the
// rule's axis.
Box LayerRule::bias_box(const Box& sum) const {
  const Node& anchor = nodes_[anchor_];
  const Shape& shape = anchor.facts.inputs[static_cast<std::size_t>(anchor.rule->bias_input())].shape;
  Box box = Box::whole(shape);
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    const std::size_t of =
        shape.size() == 1 ? static_cast<std::size_t>(anchor.rule->bias_axis()) : axis + sum.lo.size() - shape.size();
    box.lo[axis] = sum.lo[of];
    box.hi[axis] = sum.hi[of];
  }
  return box;
}

void LayerRule::emit(const PartWork& work, GraphBuilder& builder) const {
  if (!splittable_ || is_everything(work, builder)) {
    for (const Node& node : nodes_) emit_whole(node, builder);
    return;
  }
  const Walked walked = walk(work);
  if (work.kind == PartKind::partial) return emit_partial(work, walked, builder);
  if (work.kind == PartKind::reduce) emit_sum(work, walked, builder);
  for (std::size_t n = 0; n < nodes_.size(); ++n)
    if (walked.visited[n] != 0) emit_node(nodes_[n], walked.needs[n], builder);
}

// Whole in, whole out: then the nodes stay as they are.
bool LayerRule::asks_for_everything(const PartWork& work) const {
  if (work.kind != PartKind::full) return false;
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (!work.outputs[i].is_whole(types_[outputs_[i]].shape)) return false;
  return true;
}

bool LayerRule::is_everything(const PartWork& work, const GraphBuilder& builder) const {
  return asks_for_everything(work) && std::all_of(inputs_.begin(), inputs_.end(), [&](std::size_t value) {
           return builder.provides(values_[value], Box::whole(types_[value].shape));
         });
}

// A node that several layers repeat (DequantizeLinear) is written once.
void LayerRule::emit_whole(const Node& node, GraphBuilder& builder) const {
  const onnx::NodeProto& proto = *node.facts.node;
  bool there = true;
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    there = there && (node.outputs[i] == absent ||
                      builder.provides(values_[node.outputs[i]], Box::whole(node.facts.outputs[i].shape)));
  if (there) return;
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    inputs.push_back(node.inputs[i] == absent
                         ? ""
                         : builder.demand(values_[node.inputs[i]], Box::whole(node.facts.inputs[i].shape)));
  onnx::NodeProto& added = *builder.graph().add_node();
  added = proto;
  // A DequantizeLinear belongs to every layer that reads it.
  added.set_name(builder.fresh_node(proto.name().empty() ? proto.output(0) : proto.name()));
  for (int i = 0; i < added.input_size(); ++i) added.set_input(i, inputs[static_cast<std::size_t>(i)]);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == absent) continue;
    const std::string& value = values_[node.outputs[i]];
    const std::string name = builder.new_name(value);
    added.set_output(static_cast<int>(i), name);
    builder.provide(value, Box::whole(node.facts.outputs[i].shape), name);
  }
}

void LayerRule::emit_node(const Node& node, const rules::NodeNeeds& needs, GraphBuilder& builder) const {
  bool there = true;
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    there =
        there && (needs.computed[i].empty() || builder.provides(values_[node.outputs[i]], needs.computed[i].bounds()));
  if (there) return;
  std::vector<std::string> inputs, outputs;
  for (const std::size_t value : node.inputs) inputs.push_back(value == absent ? "" : values_[value]);
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    outputs.push_back(needs.computed[i].empty() ? "" : builder.new_name(values_[node.outputs[i]]));
  rules::NodeWriter writer(builder, node.facts, needs, inputs, outputs);
  node.rule->emit(writer);
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    if (!needs.computed[i].empty()) builder.provide(values_[node.outputs[i]], needs.computed[i].bounds(), outputs[i]);
}

void LayerRule::emit_partial(const PartWork& work, const Walked& walked, GraphBuilder& builder) const {
  const Node& anchor = nodes_[anchor_];
  std::vector<std::string> inputs;
  for (const std::size_t value : anchor.inputs) inputs.push_back(value == absent ? "" : values_[value]);
  const std::string value = partial_name(builder.network(), layer_, work.part);
  const std::string name = builder.new_name(value);
  rules::NodeWriter writer(builder, anchor.facts, walked.needs[anchor_], inputs, {name});
  if (anchor.facts.outputs[0].type != partial_type_.type) writer.widen();
  anchor.rule->emit_partial(writer, {work.lo, work.hi});
  builder.provide(value, walked.needs[anchor_].computed[0].bounds(), name);
}

// The sum of all partial results, in their order, and the bias.
void LayerRule::emit_sum(const PartWork& work, const Walked& walked, GraphBuilder& builder) const {
  const Node& anchor = nodes_[anchor_];
  const Box box = rules::hulls({walked.asked[anchor.outputs[0]]})[0].bounds();
  const rules::OperatorRule& rule = *anchor.rule;
  std::vector<std::string> addends;
  for (std::size_t part = 0; part < work.parts; ++part)
    addends.push_back(builder.demand(partial_name(builder.network(), layer_, part), box));
  const auto add = [&](const std::string& a, const std::string& b) {
    onnx::NodeProto& node = *builder.graph().add_node();
    node.set_op_type("Add");
    node.set_name(builder.fresh_node("dse:add"));
    node.add_input(a);
    node.add_input(b);
    node.add_output(builder.fresh_value());
    return node.output(0);
  };
  std::string sum = addends.front();
  for (std::size_t part = 1; part < addends.size(); ++part) sum = add(sum, addends[part]);
  const DataType type = anchor.facts.outputs[0].type;
  const bool widened = type != partial_type_.type;
  if (rule.bias_input() >= 0) {
    const std::string bias = bias_for(box, builder);
    sum = add(sum, widened ? builder.cast(bias, partial_type_.type) : bias);
  }
  if (widened) sum = builder.cast(sum, type);
  builder.provide(values_[anchor.outputs[0]], box, sum);
}

// The slice of the bias, shaped to be broadcast over the sum.
std::string LayerRule::bias_for(const Box& sum, GraphBuilder& builder) const {
  const Node& anchor = nodes_[anchor_];
  const rules::OperatorRule& rule = *anchor.rule;
  const std::size_t value = anchor.inputs[static_cast<std::size_t>(rule.bias_input())];
  const TensorType& type = types_[value];
  const Box box = bias_box(sum);
  std::string name = builder.demand(values_[value], box);
  if (type.shape.size() == 1 && static_cast<std::size_t>(rule.bias_axis()) + 1 != sum.lo.size()) {
    Shape shape(sum.lo.size(), 1);
    shape[static_cast<std::size_t>(rule.bias_axis())] = box.hi[0] - box.lo[0];
    name = builder.reshape(name, shape);
  }
  return name;
}

}  // namespace dse
