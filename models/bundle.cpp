#include "models/bundle.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <fstream>

#include "base/error.hpp"
#include "models/graph.hpp"
#include "models/submodel.hpp"

namespace dse {
namespace {

namespace io = google::protobuf::io;

constexpr std::size_t repeated_bytes = 8 << 10;  // well within the window of deflate
constexpr std::int64_t most_model_bytes = 2'147'483'647;
constexpr std::uint32_t most_networks = 1000;

// Sizes and indices decide what is computed, coefficients do not.
bool is_coefficients(const onnx::TensorProto& tensor) {
  switch (static_cast<DataType>(tensor.data_type())) {
    case DataType::float32:
    case DataType::float16:
    case DataType::bfloat16:
    case DataType::int8:
    case DataType::uint8:
      return tensor.raw_data().size() > 2 * repeated_bytes;
    default:
      return false;
  }
}

// Of the size and about the distribution that they have: neither are activations unusual, nor does anything overflow.
void repeat_beginning(std::string& bytes) {
  for (std::size_t at = repeated_bytes; at < bytes.size(); at += repeated_bytes)
    std::copy_n(bytes.begin(), std::min(repeated_bytes, bytes.size() - at), bytes.begin() + std::ptrdiff_t(at));
}

std::string shapes_of(const Network& network) {
  std::int64_t weights = 0;
  for (const Weight& weight : network.weights()) weights += weight.tensor.bytes();
  if (weights > most_model_bytes - (64 << 20))
    throw Error(ExitCode::bad_input, "BUNDLE-SIZE",
                fmt::format("network '{}' is too large to be sent to another host", printable(network.name())));
  onnx::ModelProto model;
  if (!model.ParseFromString(write_submodel(network, whole_network(network))))
    throw Error(ExitCode::internal, "BUNDLE-MODEL", "a model that was just written cannot be read");
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer())
    if (is_coefficients(tensor)) repeat_beginning(*tensor.mutable_raw_data());
  return model.SerializeAsString();
}

void write_text(io::CodedOutputStream& out, const std::string& text) {
  out.WriteVarint64(text.size());
  out.WriteRaw(text.data(), static_cast<int>(text.size()));
}

[[noreturn]] void fail_damaged() {
  throw Error(ExitCode::bad_input, "BUNDLE-DATA", "the networks that were sent did not arrive whole");
}

// A coded stream of its own for each: it counts to 2 GiB at most.
std::string read_one(io::ZeroCopyInputStream& in, std::int64_t cap) {
  io::CodedInputStream coded(&in);
  std::uint64_t size = 0;
  std::string text;
  if (!coded.ReadVarint64(&size) || size > static_cast<std::uint64_t>(cap) ||
      !coded.ReadString(&text, static_cast<int>(size)))
    fail_damaged();
  return text;
}

// Read once and removed: not worth waiting for the disk.
void write_scratch(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) throw Error(ExitCode::io, "FILE-WRITE", {path.string()}, "cannot be written; is the disk full?");
}

bool is_plain(const std::string& name) {
  return !name.empty() && name.size() < 100 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; });
}

}  // namespace

std::string write_bundle(std::span<const Network> networks) {
  std::string bytes;
  io::StringOutputStream sink(&bytes);
  io::GzipOutputStream gzip(&sink);
  {
    io::CodedOutputStream out(&gzip);
    out.WriteVarint32(static_cast<std::uint32_t>(networks.size()));
  }
  for (const Network& network : networks) {
    io::CodedOutputStream out(&gzip);
    write_text(out, network.name());
    write_text(out, shapes_of(network));
  }
  gzip.Close();
  return bytes;
}

std::vector<Network> read_bundle(std::string_view bytes, const fs::path& folder) {
  if (bytes.size() > static_cast<std::size_t>(most_model_bytes)) fail_damaged();
  io::ArrayInputStream source(bytes.data(), static_cast<int>(bytes.size()));
  io::GzipInputStream gzip(&source);
  std::uint32_t count = 0;
  {
    io::CodedInputStream coded(&gzip);
    if (!coded.ReadVarint32(&count) || count > most_networks) fail_damaged();
  }
  std::vector<Network> networks;
  for (std::uint32_t i = 0; i < count; ++i) {
    constexpr std::int64_t longest_name = 4096;
    const std::string name = read_one(gzip, longest_name);
    const fs::path own = folder / std::to_string(i);
    fs::create_directories(own);
    const fs::path file = own / ((is_plain(name) ? name : safe_file_name(name, i)) + ".onnx");
    write_scratch(file, read_one(gzip, most_model_bytes));
    networks.push_back(Network::import(file));
    fs::remove_all(own);
  }
  return networks;
}

}  // namespace dse
