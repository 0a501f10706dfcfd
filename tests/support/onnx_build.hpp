// Builds small ONNX models for tests: nodes, weights and ports in a few words.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/tensor.hpp"

namespace dse::test {

class OnnxBuild {
 public:
  explicit OnnxBuild(std::int64_t opset = 13, std::int64_t ir_version = 8) {
    model_.set_ir_version(ir_version);
    onnx::OperatorSetIdProto& import = *model_.add_opset_import();
    import.set_domain("");
    import.set_version(opset);
    graph().set_name("test");
  }

  onnx::ModelProto& model() { return model_; }
  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  OnnxBuild& input(const std::string& name, const Shape& shape, DataType type = DataType::float32) {
    describe(*graph().add_input(), name, shape, type);
    return *this;
  }
  // An input with named dimensions: a word is a symbol, a number an extent.
  OnnxBuild& symbolic_input(const std::string& name, const std::vector<std::string>& dims) {
    onnx::ValueInfoProto& value = *graph().add_input();
    describe(value, name, {}, DataType::float32);
    for (const std::string& dim : dims) {
      onnx::TensorShapeProto_Dimension& added =
          *value.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim();
      if (dim.find_first_not_of("0123456789") == std::string::npos)
        added.set_dim_value(std::stoll(dim));
      else
        added.set_dim_param(dim);
    }
    return *this;
  }
  OnnxBuild& output(const std::string& name, const Shape& shape = {}, DataType type = DataType::float32) {
    onnx::ValueInfoProto& value = *graph().add_output();
    describe(value, name, shape, type);
    if (shape.empty()) value.mutable_type()->mutable_tensor_type()->clear_shape();
    return *this;
  }

  onnx::NodeProto& node(const std::string& op_type, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, const std::string& name = "") {
    onnx::NodeProto& node = *graph().add_node();
    node.set_op_type(op_type);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    for (const std::string& output : outputs) node.add_output(output);
    return node;
  }
  static void ints(onnx::NodeProto& node, const std::string& name, const std::vector<std::int64_t>& values) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t value : values) attribute.add_ints(value);
  }
  static void integer(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  static void real(onnx::NodeProto& node, const std::string& name, float value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(value);
  }
  static void text(onnx::NodeProto& node, const std::string& name, const std::string& value) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(value);
  }

  // Pseudo-random values in (-scale, scale); the seed counts on by itself, so that no two weights are equal.
  OnnxBuild& weight(const std::string& name, const Shape& shape, float scale = 0.3F) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    for (const std::int64_t extent : shape) tensor.add_dims(extent);
    for (std::int64_t i = 0; i < element_count(shape).value_or(0); ++i) {
      state_ = state_ * 1664525U + 1013904223U;
      tensor.add_float_data(scale * (static_cast<float>(state_ >> 8) / 8388608.0F - 1.0F));
    }
    return *this;
  }
  OnnxBuild& values(const std::string& name, const std::vector<std::int64_t>& numbers) {
    onnx::TensorProto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<std::int64_t>(numbers.size()));
    for (const std::int64_t number : numbers) tensor.add_int64_data(number);
    return *this;
  }

  // A convolution with bias, "same" padding, and weights named after it; `out` is also the node's name.
  onnx::NodeProto& conv(const std::string& in, const std::string& out, std::int64_t in_channels,
                        std::int64_t out_channels, std::int64_t kernel = 3, std::int64_t stride = 1,
                        std::int64_t group = 1) {
    weight(out + ".w", {out_channels, in_channels / group, kernel, kernel});
    weight(out + ".b", {out_channels});
    onnx::NodeProto& made = node("Conv", {in, out + ".w", out + ".b"}, {out}, out);
    const std::int64_t pad = kernel / 2;
    ints(made, "pads", {pad, pad, pad, pad});
    ints(made, "strides", {stride, stride});
    integer(made, "group", group);
    return made;
  }

  std::string serialised() const { return model_.SerializeAsString(); }
  void write(const fs::path& path) const { write_file(path, serialised()); }

 private:
  static void describe(onnx::ValueInfoProto& value, const std::string& name, const Shape& shape, DataType type) {
    value.set_name(name);
    onnx::TypeProto_Tensor& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(static_cast<int>(type));
    tensor.mutable_shape();
    for (const std::int64_t extent : shape) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
  }

  onnx::ModelProto model_;
  std::uint32_t state_ = 1;
};

}  // namespace dse::test
