#include "models/reader.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <climits>

#include "base/sha256.hpp"

namespace dse {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::ArrayInputStream;
using google::protobuf::io::CodedInputStream;

constexpr std::size_t most_nodes = 100'000;
constexpr std::size_t most_pieces = 4'000'000;  // names, attributes and tensors: each costs protobuf up to 200 bytes

constexpr int model_graph_field = 7;
constexpr int graph_node_field = 1;

bool starts_with_ignoring_space(std::string_view text, std::string_view word) {
  const std::size_t start = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  return start != std::string_view::npos && text.substr(start).starts_with(word);
}

// What people really have in files that are named .onnx and are none.
void check_kind(std::string_view text, const Place& place) {
  if (text.empty()) refuse(place, "MODEL-FILE", "is empty; an ONNX model is expected");
  if (starts_with_ignoring_space(text, "version https://git-lfs"))
    refuse(place, "MODEL-FILE", "is a Git LFS pointer, not the model itself; `git lfs pull` brings the model");
  if (starts_with_ignoring_space(text, "<"))
    refuse(place, "MODEL-FILE", "is a web page or XML text, not an ONNX model; was the download link a page?");
  if (text.starts_with("PK\x03\x04"))
    refuse(place, "MODEL-FILE", "is a zip archive; unpack it and give the .onnx file in it");
  if (text.starts_with("\x1f\x8b")) refuse(place, "MODEL-FILE", "is gzip-compressed; unpack it first");
  if (text.starts_with("\x89HDF")) refuse(place, "MODEL-FILE", "is an HDF5 file (Keras?); export it as ONNX first");
}

struct WireCount {
  std::size_t nodes = 0;
  std::size_t pieces = 0;
};

// Walks the wire format of one message; `descend` says for a length-delimited field whether its content is walked too.
bool count_pieces(CodedInputStream& input, int level, WireCount& count) {
  while (const std::uint32_t tag = input.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&input, tag)) return false;
      continue;
    }
    int length = 0;
    if (!input.ReadVarintSizeAsInt(&length)) return false;
    ++count.pieces;
    const bool inside = (level == 0 && field == model_graph_field) || (level == 1 && field == graph_node_field);
    if (level == 1 && field == graph_node_field) ++count.nodes;
    if (count.nodes > most_nodes || count.pieces > most_pieces) return true;
    if (!inside) {
      if (!input.Skip(length)) return false;
      continue;
    }
    const CodedInputStream::Limit limit = input.PushLimit(length);
    if (!count_pieces(input, level + 1, count)) return false;
    if (count.nodes > most_nodes || count.pieces > most_pieces) return true;
    if (!input.ConsumedEntireMessage() || input.BytesUntilLimit() != 0) return false;
    input.PopLimit(limit);
  }
  return true;
}

// Protobuf turns an empty sub-message of two bytes into a hundred: their number is bounded before anything is parsed.
void check_amount(std::string_view text, const Place& place) {
  ArrayInputStream array(text.data(), static_cast<int>(text.size()));
  CodedInputStream input(&array);
  WireCount count;
  const bool well_formed = count_pieces(input, 0, count);
  if (count.nodes > most_nodes)
    refuse(place, "MODEL-SIZE", fmt::format("holds more than {} nodes, which is the limit", most_nodes));
  if (count.pieces > most_pieces)
    refuse(place, "MODEL-SIZE", fmt::format("holds more than {} names and values", most_pieces));
  if (!well_formed)
    refuse(place, "MODEL-PARSE", "is no ONNX model, or is cut off or damaged: its protobuf structure cannot be read");
}

std::shared_ptr<const onnx::ModelProto> parse(std::string_view text, const Place& place) {
  auto model = std::make_shared<onnx::ModelProto>();
  ArrayInputStream array(text.data(), static_cast<int>(text.size()));
  CodedInputStream input(&array);
  input.SetTotalBytesLimit(INT_MAX);
  if (!model->ParseFromCodedStream(&input) || !input.ConsumedEntireMessage())
    refuse(place, "MODEL-PARSE", "is no ONNX model, or is cut off or damaged: it does not parse as one");
  return model;
}

}  // namespace

ModelFile read_model(const fs::path& path, std::uint64_t cap) {
  const Place place{path.string()};
  MappedFile bytes = MappedFile::open(path, std::min<std::uint64_t>(cap, INT_MAX));
  check_kind(bytes.text(), place);
  check_amount(bytes.text(), place);
  std::shared_ptr<const onnx::ModelProto> model = parse(bytes.text(), place);
  return {path, std::move(model), std::move(bytes)};
}

std::string TensorReader::digest() const {
  Sha256 hash;
  hash.add(file_.bytes.bytes());
  for (const auto& [location, mapping] : external_) hash.add(mapping.bytes());
  return hash.hex();
}

}  // namespace dse
