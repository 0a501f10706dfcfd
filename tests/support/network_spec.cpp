#include "tests/support/network_spec.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/support/network_operators.hpp"

namespace dse::test {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
std::vector<T> taken(const std::vector<T>& values, const std::vector<std::size_t>& inputs) {
  std::vector<T> result;
  for (const std::size_t input : inputs) result.push_back(values[input]);
  return result;
}

// Removes the values that are not kept; `kept` says it for every value.
void renumber(NetworkSpec& spec, const std::vector<bool>& kept) {
  std::vector<std::size_t> number(kept.size());
  std::size_t next = 0;
  for (std::size_t value = 0; value < kept.size(); ++value) number[value] = kept[value] ? next++ : 0;
  for (SpecNode& node : spec.nodes)
    for (std::size_t& input : node.inputs) input = number[input];
  for (std::size_t& output : spec.outputs) output = number[output];
}

std::vector<std::string> value_names(const NetworkSpec& spec) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) names.push_back("x" + std::to_string(i));
  for (const SpecNode& node : spec.nodes)
    for (std::size_t i = 0; i < result_count(node); ++i)
      names.push_back(i == 0 ? node.name : node.name + "." + std::to_string(i));
  return names;
}

}  // namespace

std::size_t result_count(const SpecNode& node) {
  if (node.op != "Split") return 1;
  const auto sizes = node.attributes.find("sizes");
  return sizes == node.attributes.end() ? 1 : std::max<std::size_t>(1, sizes->second.size());
}

std::size_t first_value(const NetworkSpec& spec, std::size_t node) {
  std::size_t value = spec.inputs.size();
  for (std::size_t i = 0; i < node; ++i) value += result_count(spec.nodes[i]);
  return value;
}

std::optional<std::vector<Shape>> shapes_of(const NetworkSpec& spec) {
  std::vector<Shape> shapes = spec.inputs;
  std::vector<Exactness> exact(spec.inputs.size(), Exactness{true, false, false});
  for (const SpecNode& node : spec.nodes) {
    if (std::any_of(node.inputs.begin(), node.inputs.end(), [&](std::size_t in) { return in >= shapes.size(); }))
      return {};
    const auto results = result_shapes(node, taken(shapes, node.inputs));
    const auto bits = exactness(node, taken(exact, node.inputs));
    if (!results || !bits) return {};
    shapes.insert(shapes.end(), results->begin(), results->end());
    exact.resize(shapes.size(), *bits);
  }
  if (std::any_of(spec.outputs.begin(), spec.outputs.end(), [&](std::size_t out) { return out >= shapes.size(); }))
    return {};
  return shapes;
}

NetworkSpec pruned(const NetworkSpec& spec) {
  std::vector<bool> read(first_value(spec, spec.nodes.size()), false);
  for (const std::size_t output : spec.outputs) read[output] = true;
  std::vector<bool> kept(read.size(), false);
  NetworkSpec result;
  for (std::size_t n = spec.nodes.size(); n-- > 0;) {
    const auto first = static_cast<std::ptrdiff_t>(first_value(spec, n));
    const auto end = first + static_cast<std::ptrdiff_t>(result_count(spec.nodes[n]));
    if (std::none_of(read.begin() + first, read.begin() + end, [](bool is) { return is; })) continue;
    std::fill(kept.begin() + first, kept.begin() + end, true);
    for (const std::size_t input : spec.nodes[n].inputs) read[input] = true;
    result.nodes.insert(result.nodes.begin(), spec.nodes[n]);
  }
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    kept[i] = read[i];
    if (read[i]) result.inputs.push_back(spec.inputs[i]);
  }
  result.outputs = spec.outputs;
  renumber(result, kept);
  return result;
}

std::optional<NetworkSpec> without(const NetworkSpec& spec, std::size_t node, std::size_t instead) {
  const std::size_t first = first_value(spec, node);
  const std::size_t count = result_count(spec.nodes[node]);
  NetworkSpec result = spec;
  result.nodes.erase(result.nodes.begin() + static_cast<std::ptrdiff_t>(node));
  bool possible = true;
  const auto replace = [&](std::size_t& value) {
    possible = possible && (value <= first || value >= first + count);
    if (value == first) value = instead;
  };
  for (SpecNode& other : result.nodes)
    for (std::size_t& input : other.inputs) replace(input);
  for (std::size_t& output : result.outputs) replace(output);
  if (!possible) return {};
  std::vector<bool> kept(first_value(spec, spec.nodes.size()), true);
  std::fill_n(kept.begin() + static_cast<std::ptrdiff_t>(first), count, false);
  renumber(result, kept);
  return result;
}

std::string build_model(const NetworkSpec& spec) {
  const auto shapes = shapes_of(spec);
  if (!shapes) throw std::invalid_argument("a node of the network cannot have its inputs: " + to_json(spec));
  const std::vector<std::string> names = value_names(spec);
  OnnxBuild build(17);
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) build.input(names[i], spec.inputs[i]);
  std::size_t value = spec.inputs.size();
  for (const SpecNode& node : spec.nodes) {
    std::vector<std::string> inputs, results;
    for (const std::size_t input : node.inputs) inputs.push_back(names[input]);
    for (std::size_t i = 0; i < result_count(node); ++i) results.push_back(names[value++]);
    emit(build, node, taken(*shapes, node.inputs), inputs, results);
  }
  for (const std::size_t output : spec.outputs) build.output(names[output]);
  return build.serialised();
}

std::string to_json(const NetworkSpec& spec) {
  Json nodes = Json::array();
  for (const SpecNode& node : spec.nodes) {
    Json entry{{"op", node.op}, {"name", node.name}, {"in", node.inputs}};
    for (const auto& [name, values] : node.attributes) entry[name] = values;
    nodes.push_back(std::move(entry));
  }
  return Json{{"inputs", spec.inputs}, {"nodes", std::move(nodes)}, {"outputs", spec.outputs}}.dump();
}

NetworkSpec network_spec_from_json(const std::string& text) {
  const Json document = Json::parse(text);
  NetworkSpec spec;
  spec.inputs = document.at("inputs").get<std::vector<Shape>>();
  spec.outputs = document.at("outputs").get<std::vector<std::size_t>>();
  for (const Json& entry : document.at("nodes")) {
    SpecNode node;
    for (const auto& [key, value] : entry.items())
      if (key == "op")
        node.op = value.get<std::string>();
      else if (key == "name")
        node.name = value.get<std::string>();
      else if (key == "in")
        node.inputs = value.get<std::vector<std::size_t>>();
      else
        node.attributes[key] = value.get<std::vector<std::int64_t>>();
    spec.nodes.push_back(std::move(node));
  }
  return spec;
}

}  // namespace dse::test
