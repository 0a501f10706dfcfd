// A model on its way through the door: what reader, door, shapes and folding hand to each other before it becomes a
// Network.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/tensor.hpp"
#include "models/network.hpp"

namespace dse {

// Row-major little-endian bytes of a constant; `data` may lie at any alignment (external data is mapped as it is).
struct Constant {
  TensorType tensor;
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;

  std::string_view text() const {
    return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(tensor.bytes())};
  }
};

struct InputDeclaration {
  std::string name;
  TensorType tensor;                 // an extent that is not bound is -1
  std::vector<std::string> symbols;  // by axis, "" where there is none
  bool ranked = true;                // false: the model gives no shape at all
};

struct Draft {
  fs::path path;
  std::string sha256;
  std::int64_t ir_version = 0;
  std::vector<onnx::OperatorSetIdProto> opsets;
  std::vector<onnx::NodeProto> nodes;         // topological order, Constant nodes already taken out
  std::map<std::string, Constant> constants;  // by value name
  std::vector<InputDeclaration> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, TensorType> types;  // of every value that is no constant, once shapes are inferred
  std::set<std::string> inferred;           // values whose shapes the engine knew without running
  std::set<std::string> dynamic;            // values whose shapes depend on data
  std::vector<std::string> notes;
  std::vector<std::string> unbound;
};

// "model.onnx: node 'conv1' (Conv)" and "model.onnx: tensor 'x'".
Place at_node(const fs::path& path, const onnx::NodeProto& node, std::size_t index);
Place at_tensor(const fs::path& path, std::string_view name);

[[noreturn]] void refuse(Place place, std::string_view code, std::string_view message);

// The graph has no name for a node that has none: its first output stands for it, else "#index".
std::string shown_name(const onnx::NodeProto& node, std::size_t index);

const onnx::AttributeProto* find_attribute(const onnx::NodeProto& node, std::string_view name);
std::int64_t int_attribute(const onnx::NodeProto& node, std::string_view name, std::int64_t fallback);
// Empty where the attribute is absent.
std::vector<std::int64_t> ints_attribute(const onnx::NodeProto& node, std::string_view name);
bool is_default_domain(std::string_view domain);
// The version of the default operator set that the model imports.
std::int64_t default_opset(const std::vector<onnx::OperatorSetIdProto>& opsets);

// The elements of an int64 or int32 constant.
std::vector<std::int64_t> integers(const Constant& constant);

}  // namespace dse
