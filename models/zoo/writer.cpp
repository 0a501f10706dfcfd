#include "models/zoo/writer.hpp"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"

namespace dse::zoo {
namespace {

constexpr std::int64_t size_limit = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t graph_reserve = std::int64_t{4} << 20;  // for nodes and names, beside the weights
constexpr std::int64_t external_threshold = 1024;
constexpr std::size_t external_alignment = 4096;

void set_value(onnx::AttributeProto& proto, std::int64_t value) {
  proto.set_type(onnx::AttributeProto::INT);
  proto.set_i(value);
}
void set_value(onnx::AttributeProto& proto, float value) {
  proto.set_type(onnx::AttributeProto::FLOAT);
  proto.set_f(value);
}
void set_value(onnx::AttributeProto& proto, const std::string& value) {
  proto.set_type(onnx::AttributeProto::STRING);
  proto.set_s(value);
}
void set_value(onnx::AttributeProto& proto, const std::vector<std::int64_t>& values) {
  proto.set_type(onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) proto.add_ints(value);
}

void add_node(onnx::GraphProto& graph, const Node& node) {
  onnx::NodeProto& proto = *graph.add_node();
  proto.set_op_type(node.op_type);
  proto.set_name(node.name);
  for (const std::string& input : node.inputs) proto.add_input(input);
  proto.add_output(node.output);
  for (const Attribute& attribute : node.attributes) {
    onnx::AttributeProto& item = *proto.add_attribute();
    item.set_name(attribute.name);
    std::visit([&](const auto& value) { set_value(item, value); }, attribute.value);
  }
}

void describe(onnx::ValueInfoProto& proto, const Value& value) {
  proto.set_name(value.name);
  auto& tensor = *proto.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : value.shape) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

// The graph without its initializers.
onnx::GraphProto graph_of(const Builder& network) {
  onnx::GraphProto graph;
  graph.set_name(network.model());
  for (const Node& node : network.nodes()) add_node(graph, node);
  for (const Value& value : network.inputs()) describe(*graph.add_input(), value);
  for (const Value& value : network.outputs()) describe(*graph.add_output(), value);
  return graph;
}

// The model without its graph.
onnx::ModelProto model_of(const Builder& network) {
  onnx::ModelProto model;
  model.set_ir_version(7);
  model.set_producer_name("dse-zoo");
  model.set_doc_string(fmt::format("{} with random weights, seed {}", network.model(), network.seed()));
  onnx::OperatorSetIdProto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(13);
  return model;
}

bool is_integer(const Initializer& initializer) {
  return std::holds_alternative<std::vector<std::int64_t>>(initializer.content);
}

std::int64_t bytes_of(const Initializer& initializer) {
  const std::optional<std::int64_t> count = element_count(initializer.shape);
  const std::int64_t each = is_integer(initializer) ? 8 : 4;
  std::int64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, each, &bytes)) return std::numeric_limits<std::int64_t>::max();
  return bytes;
}

// The tensor without its data.
onnx::TensorProto header_of(const Initializer& initializer) {
  onnx::TensorProto tensor;
  tensor.set_name(initializer.name);
  tensor.set_data_type(is_integer(initializer) ? onnx::TensorProto::INT64 : onnx::TensorProto::FLOAT);
  for (const std::int64_t extent : initializer.shape) tensor.add_dims(extent);
  return tensor;
}

void append_drawn(std::string& out, const Distribution& distribution, std::uint64_t key, std::uint64_t count) {
  const std::uint64_t group = distribution.group > 0 ? static_cast<std::uint64_t>(distribution.group) : 1;
  std::vector<float> chunk(std::min(count, group * std::max<std::uint64_t>(1, 2048 / group)));
  for (std::uint64_t first = 0; first < count; first += chunk.size()) {
    const std::span<float> part(chunk.data(), std::min<std::uint64_t>(chunk.size(), count - first));
    draw(distribution, key, first, part);
    out.append(reinterpret_cast<const char*>(part.data()), part.size_bytes());
  }
}

void append_content(std::string& out, const Builder& network, const Initializer& initializer) {
  if (const auto* distribution = std::get_if<Distribution>(&initializer.content)) {
    const std::uint64_t key = stream_key(network.seed(), network.model() + "/" + initializer.name);
    append_drawn(out, *distribution, key, static_cast<std::uint64_t>(bytes_of(initializer)) / sizeof(float));
  } else if (const auto* floats = std::get_if<std::vector<float>>(&initializer.content)) {
    out.append(reinterpret_cast<const char*>(floats->data()), floats->size() * sizeof(float));
  } else {
    const auto& integers = std::get<std::vector<std::int64_t>>(initializer.content);
    out.append(reinterpret_cast<const char*>(integers.data()), integers.size() * sizeof(std::int64_t));
  }
}

// Protobuf's wire format, by hand for the two levels that hold the weights: a message with 575 MB of weights would
// otherwise exist twice, as objects and as bytes.
constexpr char length_delimited = 2;

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void append_tag(std::string& out, int field, std::size_t length) {
  out.push_back(static_cast<char>(field << 3 | length_delimited));
  append_varint(out, length);
}

struct TensorImage {
  const Initializer* initializer = nullptr;
  std::string header;    // TensorProto without raw_data, and the tag of raw_data where the data follow
  std::size_t data = 0;  // bytes that follow
};

std::size_t total(const TensorImage& image) { return image.header.size() + image.data; }

// Appends the tensor's data to the weights file and says in the header where they are.
void move_outside(onnx::TensorProto& tensor, const Builder& network, const Initializer& initializer,
                  const std::string& file, std::string& weights) {
  weights.resize((weights.size() + external_alignment - 1) / external_alignment * external_alignment);
  const auto entry = [&tensor](const char* key, const std::string& value) {
    onnx::StringStringEntryProto& item = *tensor.add_external_data();
    item.set_key(key);
    item.set_value(value);
  };
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  entry("location", file);
  entry("offset", std::to_string(weights.size()));
  entry("length", std::to_string(bytes_of(initializer)));
  append_content(weights, network, initializer);
}

TensorImage image_of(const Builder& network, const Initializer& initializer, const std::string& file,
                     std::string& weights) {
  onnx::TensorProto tensor = header_of(initializer);
  const std::int64_t bytes = bytes_of(initializer);
  if (!file.empty() && bytes >= external_threshold) {
    move_outside(tensor, network, initializer, file, weights);
    return {&initializer, tensor.SerializeAsString(), 0};
  }
  TensorImage image{&initializer, tensor.SerializeAsString(), static_cast<std::size_t>(bytes)};
  append_tag(image.header, onnx::TensorProto::kRawDataFieldNumber, image.data);
  return image;
}

std::string model_image(const Builder& network, const std::vector<TensorImage>& tensors) {
  const std::string graph = graph_of(network).SerializeAsString();
  std::string image = model_of(network).SerializeAsString();
  std::size_t length = graph.size();
  std::string tag;
  for (const TensorImage& tensor : tensors) {
    tag.clear();
    append_tag(tag, onnx::GraphProto::kInitializerFieldNumber, total(tensor));
    length += tag.size() + total(tensor);
  }
  image.reserve(image.size() + 16 + length);
  append_tag(image, onnx::ModelProto::kGraphFieldNumber, length);
  image += graph;
  for (const TensorImage& tensor : tensors) {
    append_tag(image, onnx::GraphProto::kInitializerFieldNumber, total(tensor));
    image += tensor.header;
    if (tensor.data != 0) append_content(image, network, *tensor.initializer);
  }
  return image;
}

void check_size(const Builder& network) {
  const std::int64_t bytes = weight_bytes(network);
  if (bytes <= size_limit - graph_reserve) return;
  throw Error(
      ExitCode::usage, "ZOO-SIZE",
      fmt::format(
          "the weights of '{}' would take {:.2f} GiB; a model may hold at most 2 GiB, so make a smaller network",
          network.model(), static_cast<double>(bytes) / (1U << 30)));
}

}  // namespace

std::int64_t weight_bytes(const Builder& network) {
  std::int64_t sum = 0;
  for (const Initializer& initializer : network.initializers())
    if (__builtin_add_overflow(sum, bytes_of(initializer), &sum)) return std::numeric_limits<std::int64_t>::max();
  return sum;
}

fs::path external_file(const fs::path& path) { return path.parent_path() / (path.stem().string() + ".weights.bin"); }

void write_model(const Builder& network, const fs::path& path, bool external) {
  check_size(network);
  const std::string file = external ? external_file(path).filename().string() : "";
  std::string weights;
  if (external)
    weights.reserve(static_cast<std::size_t>(weight_bytes(network)) +
                    network.initializers().size() * external_alignment);
  std::vector<TensorImage> tensors;
  for (const Initializer& initializer : network.initializers())
    tensors.push_back(image_of(network, initializer, file, weights));
  const std::string image = model_image(network, tensors);
  // the weights first: a model must never point at a file that is not there
  if (external) write_file(external_file(path), weights);
  write_file(path, image);
}

}  // namespace dse::zoo
