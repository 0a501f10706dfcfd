#include "models/draft.hpp"

#include <fmt/format.h>

#include <cstring>

namespace dse {

std::string shown_name(const onnx::NodeProto& node, std::size_t index) {
  if (!node.name().empty()) return printable(node.name());
  if (node.output_size() > 0 && !node.output(0).empty()) return printable(node.output(0));
  return fmt::format("#{}", index);
}

Place at_node(const fs::path& path, const onnx::NodeProto& node, std::size_t index) {
  return {fmt::format("{}: node '{}' ({})", path.string(), shown_name(node, index), printable(node.op_type(), 60)), 0,
          0};
}

Place at_tensor(const fs::path& path, std::string_view name) {
  return {fmt::format("{}: tensor '{}'", path.string(), printable(name)), 0, 0};
}

void refuse(Place place, std::string_view code, std::string_view message) {
  throw Error(ExitCode::bad_input, code, std::move(place), message);
}

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name) {
  for (const onnx::AttributeProto& attribute : node.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

std::int64_t int_attribute(const onnx::NodeProto& node, std::string_view name, std::int64_t fallback) {
  const onnx::AttributeProto* attribute = find_attribute(node, name);
  return attribute != nullptr ? attribute->i() : fallback;
}

std::vector<std::int64_t> ints_attribute(const onnx::NodeProto& node, std::string_view name) {
  const onnx::AttributeProto* attribute = find_attribute(node, name);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

bool is_default_domain(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

std::int64_t default_opset(const std::vector<onnx::OperatorSetIdProto>& opsets) {
  for (const onnx::OperatorSetIdProto& opset : opsets)
    if (is_default_domain(opset.domain())) return opset.version();
  return 0;
}

std::vector<std::int64_t> integers(const Constant& constant) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(constant.tensor.elements()));
  if (constant.tensor.type == DataType::int64) {
    if (!result.empty()) std::memcpy(result.data(), constant.data, result.size() * sizeof(std::int64_t));
  } else if (constant.tensor.type == DataType::int32) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      std::int32_t value = 0;
      std::memcpy(&value, constant.data + i * sizeof value, sizeof value);
      result[i] = value;
    }
  } else {
    result.clear();
  }
  return result;
}

}  // namespace dse
