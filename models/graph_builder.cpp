#include "models/graph_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "models/draft.hpp"
#include "models/graph.hpp"

namespace dse {

GraphBuilder::GraphBuilder(const Network& network) : network_(network), opset_(default_opset(network.graph().opsets)) {}

void GraphBuilder::provide(const std::string& value, const Box& box, const std::string& name) {
  held_[value].push_back({box, name});
}

bool GraphBuilder::provides(const std::string& value, const Box& box) const {
  const auto found = held_.find(value);
  return found != held_.end() && std::any_of(found->second.begin(), found->second.end(),
                                             [&](const Held& held) { return held.box.contains(box); });
}

std::string GraphBuilder::weight_name(const Network& network, const WeightSlice& slice) {
  const Weight& weight = network.weights()[slice.weight];
  const Region region(slice.box);
  return region.is_whole(weight.tensor.shape) || region.empty() ? weight.name : weight.name + to_string(region);
}

std::string GraphBuilder::demand(const std::string& value, const Box& box) {
  const auto weight = network_.graph().weight_of.find(value);
  if (weight != network_.graph().weight_of.end()) {
    const WeightSlice slice{weight->second, box};
    if (std::find(weights_.begin(), weights_.end(), slice) == weights_.end()) weights_.push_back(slice);
    return weight_name(network_, slice);
  }
  std::vector<Held>& held = held_[value];
  const Held* larger = nullptr;
  for (const Held& one : held) {
    if (one.box == box) return one.name;
    if (one.box.contains(box)) larger = &one;
  }
  if (larger == nullptr)
    throw Error(ExitCode::internal, "SUBMODEL-INPUT",
                fmt::format("the sub-model reads {} of '{}', which is no port and made by none of its layers",
                            to_string(Region(box)), printable(value)));
  Held cut{box, slice(larger->name, larger->box, box)};
  held.push_back(cut);
  return cut.name;
}

std::string GraphBuilder::new_name(const std::string& value) {
  return taken_.insert(value).second ? value : fresh_value();
}

std::string GraphBuilder::cast(const std::string& name, DataType type) {
  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type("Cast");
  node.set_name(fresh_node("dse:cast"));
  node.add_input(name);
  node.add_output(fresh_value());
  onnx::AttributeProto& to = *node.add_attribute();
  to.set_name("to");
  to.set_type(onnx::AttributeProto::INT);
  to.set_i(static_cast<std::int64_t>(type));
  return node.output(0);
}

std::string GraphBuilder::reshape(const std::string& name, const Shape& shape) {
  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type("Reshape");
  node.set_name(fresh_node("dse:reshape"));
  node.add_input(name);
  node.add_input(integers(shape));
  node.add_output(fresh_value());
  return node.output(0);
}

std::string GraphBuilder::fresh_value() {
  const Network::Graph& source = network_.graph();
  while (true) {
    std::string name = fmt::format("dse:{}", fresh_++);
    if (!source.types.contains(name) && !source.weight_of.contains(name)) return name;
  }
}

std::string GraphBuilder::fresh_node(const std::string& base) {
  const auto [entry, first] = node_names_.try_emplace(base, 1);
  if (first) return base;
  std::string name;
  do name = fmt::format("{}:{}", base, entry->second++);
  while (!node_names_.try_emplace(name, 1).second);  // a node may be called so itself
  return name;
}

std::string GraphBuilder::constant(const TensorType& tensor, std::string bytes) {
  const std::string key = fmt::format("{} {} ", static_cast<int>(tensor.type), to_string(tensor.shape)) + bytes;
  const auto [entry, made] = constants_.try_emplace(key);
  if (!made) return entry->second;
  entry->second = fresh_value();
  onnx::TensorProto& added = *graph_.add_initializer();
  added.set_name(entry->second);
  added.set_data_type(static_cast<int>(tensor.type));
  for (const std::int64_t extent : tensor.shape) added.add_dims(extent);
  added.set_raw_data(std::move(bytes));
  return entry->second;
}

std::string GraphBuilder::integers(const std::vector<std::int64_t>& values) {
  return constant({DataType::int64, {static_cast<std::int64_t>(values.size())}},
                  std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t)));
}

std::string GraphBuilder::slice(const std::string& name, const Box& held, const Box& wanted) {
  std::vector<std::int64_t> starts, ends, axes;
  for (std::size_t axis = 0; axis < held.lo.size(); ++axis) {
    if (held.lo[axis] == wanted.lo[axis] && held.hi[axis] == wanted.hi[axis]) continue;
    starts.push_back(wanted.lo[axis] - held.lo[axis]);
    ends.push_back(wanted.hi[axis] - held.lo[axis]);
    axes.push_back(static_cast<std::int64_t>(axis));
  }
  if (axes.empty()) return name;
  std::string result = fresh_value();
  onnx::NodeProto& node = *graph_.add_node();
  node.set_op_type("Slice");
  node.set_name(fresh_node("dse:slice"));
  node.add_input(name);
  node.add_output(result);
  if (opset_ >= 10) {
    for (const auto* list : {&starts, &ends, &axes}) node.add_input(integers(*list));
    return result;
  }
  for (const auto& [key, list] : {std::pair{"starts", &starts}, {"ends", &ends}, {"axes", &axes}}) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(key);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : *list) attribute.add_ints(value);
  }
  return result;
}

}  // namespace dse
