#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.hpp"
#include "models/layers.hpp"

namespace dse {
namespace {

constexpr std::size_t longest = 512;
constexpr std::int64_t most_values = 16;

std::string attribute_text(const onnx::AttributeProto& attribute) {
  std::string text;
  switch (attribute.type()) {
    case onnx::AttributeProto::INT:
      return fmt::format("{}", attribute.i());
    case onnx::AttributeProto::FLOAT:
      return fmt::format("{}", attribute.f());
    case onnx::AttributeProto::STRING:
      return printable(attribute.s(), 64);
    case onnx::AttributeProto::INTS:
      for (const std::int64_t value : attribute.ints()) text += fmt::format("{}{}", text.empty() ? "" : ",", value);
      return text;
    case onnx::AttributeProto::FLOATS:
      for (const float value : attribute.floats()) text += fmt::format("{}{}", text.empty() ? "" : ",", value);
      return text;
    default:
      return sha256_hex(attribute.SerializeAsString()).substr(0, 12);
  }
}

std::string attributes_text(const onnx::NodeProto& node) {
  std::vector<std::string> texts;
  for (const onnx::AttributeProto& attribute : node.attribute())
    texts.push_back(printable(attribute.name(), 64) + "=" + attribute_text(attribute));
  std::sort(texts.begin(), texts.end());
  std::string result;
  for (const std::string& text : texts) result += (result.empty() ? "" : ";") + text;
  return result.empty() ? "" : "{" + result + "}";
}

std::string type_text(const TensorType& tensor) {
  return fmt::format("{}[{}]", to_string(tensor.type), to_string(tensor.shape));
}

// Small integers say what the kernel does (axes, shapes, pads); other weights only how much of it.
std::string constant_text(const Constant& constant) {
  std::string text = "w:" + type_text(constant.tensor);
  const bool integral = constant.tensor.type == DataType::int64 || constant.tensor.type == DataType::int32;
  if (!integral || constant.tensor.elements() > most_values) return text;
  std::string values;
  for (const std::int64_t value : integers(constant)) values += fmt::format("{}{}", values.empty() ? "" : ",", value);
  return text + "=" + values;
}

}  // namespace

std::string signature_of(const Draft& draft, const NodeGroup& group) {
  std::map<std::string, std::string> value_text;  // values made inside the group, and repeated inputs
  std::size_t inputs = 0;
  std::string text;
  for (std::size_t k = 0; k < group.nodes.size(); ++k) {
    const onnx::NodeProto& node = draft.nodes[group.nodes[k]];
    text += fmt::format("{}{}{}{}(", k == 0 ? "" : " ", is_default_domain(node.domain()) ? "" : node.domain() + ".",
                        node.op_type(), attributes_text(node));
    for (int i = 0; i < node.input_size(); ++i) {
      const std::string& name = node.input(i);
      if (i > 0) text += ", ";
      const auto constant = draft.constants.find(name);
      if (name.empty())
        text += "-";
      else if (constant != draft.constants.end())
        text += constant_text(constant->second);
      else if (value_text.contains(name))
        text += value_text[name];
      else {
        value_text[name] = fmt::format("x{}", inputs++);
        text += value_text[name] + ":" + type_text(draft.types.at(name));
      }
    }
    text += ")";
    for (int i = 0; i < node.output_size(); ++i)
      if (!node.output(i).empty()) {
        value_text[node.output(i)] = fmt::format("%{}.{}", k, i);
        text += fmt::format("{}{}", i == 0 ? "->" : ",", type_text(draft.types.at(node.output(i))));
      }
  }
  return text.size() <= longest ? text : text.substr(0, longest - 72) + " sha256:" + sha256_hex(text);
}

}  // namespace dse
