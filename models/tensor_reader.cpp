// Initializers: every length is checked against the dims before a byte is read.
#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "models/reader.hpp"

namespace dse {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 40;
constexpr std::uint64_t external_cap = std::uint64_t{1} << 40;

TensorType checked_type(const onnx::TensorProto& tensor, const Place& place) {
  TensorType type;
  type.type = static_cast<DataType>(tensor.data_type());
  type.shape.assign(tensor.dims().begin(), tensor.dims().end());
  if (type.type == DataType::string)
    refuse(place, "MODEL-TENSOR", "holds strings, which are not supported; numbers are");
  if (element_size(type.type) == 0)
    refuse(place, "MODEL-TENSOR",
           fmt::format("has element type {}, which is not supported; float32, float16, bfloat16, int8 and the like are",
                       tensor.data_type()));
  if (type.shape.size() > 16)
    refuse(place, "MODEL-TENSOR", fmt::format("has {} dimensions; at most 16 are supported", type.shape.size()));
  for (const std::int64_t extent : type.shape)
    if (extent < 0)
      refuse(place, "MODEL-TENSOR", fmt::format("has the dimension {}; dimensions are at least 0", extent));
  const std::optional<std::int64_t> elements = element_count(type.shape);
  if (!elements || *elements > most_elements)
    refuse(place, "MODEL-TENSOR",
           fmt::format("has the shape {}, whose product is beyond 2^40 elements", to_string(type.shape)));
  return type;
}

template <typename Out, typename Field>
std::vector<std::byte> narrowed(const Field& field) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(field.size()) * sizeof(Out));
  for (int i = 0; i < field.size(); ++i) {
    const Out value = static_cast<Out>(field[i]);
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(Out), &value, sizeof value);
  }
  return bytes;
}

// The typed fields of TensorProto, as onnx.proto assigns types to them.
std::vector<std::byte> typed_data(const onnx::TensorProto& tensor, DataType type) {
  switch (type) {
    case DataType::float32:
    case DataType::complex64:
      return narrowed<float>(tensor.float_data());
    case DataType::float64:
    case DataType::complex128:
      return narrowed<double>(tensor.double_data());
    case DataType::int64:
      return narrowed<std::int64_t>(tensor.int64_data());
    case DataType::uint32:
      return narrowed<std::uint32_t>(tensor.uint64_data());
    case DataType::uint64:
      return narrowed<std::uint64_t>(tensor.uint64_data());
    case DataType::int32:
      return narrowed<std::int32_t>(tensor.int32_data());
    case DataType::uint8:
    case DataType::boolean:
      return narrowed<std::uint8_t>(tensor.int32_data());
    case DataType::int8:
      return narrowed<std::int8_t>(tensor.int32_data());
    case DataType::int16:
      return narrowed<std::int16_t>(tensor.int32_data());
    case DataType::uint16:
    case DataType::float16:
    case DataType::bfloat16:
      return narrowed<std::uint16_t>(tensor.int32_data());
    case DataType::string:
    case DataType::undefined:
      return {};
  }
  return {};
}

std::int64_t number(const std::string& text, const std::string& key, const Place& place) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0)
    refuse(place, "MODEL-EXTERNAL",
           fmt::format("external data: {} '{}' is no number of at least 0", key, printable(text, 40)));
  return value;
}

struct External {
  std::string location;
  std::int64_t offset = 0;
  std::int64_t length = -1;
};

External parse_external(const onnx::TensorProto& tensor, const Place& place) {
  External result;
  std::set<std::string> seen;
  for (const onnx::StringStringEntryProto& entry : tensor.external_data()) {
    if (!seen.insert(entry.key()).second)
      refuse(place, "MODEL-EXTERNAL",
             fmt::format("external data: key '{}' is given twice", printable(entry.key(), 40)));
    if (entry.key() == "location")
      result.location = entry.value();
    else if (entry.key() == "offset")
      result.offset = number(entry.value(), "offset", place);
    else if (entry.key() == "length")
      result.length = number(entry.value(), "length", place);
    else if (entry.key() != "checksum")
      refuse(place, "MODEL-EXTERNAL",
             fmt::format("external data: unknown key '{}'; allowed are location, offset, length, checksum",
                         printable(entry.key(), 40)));
  }
  if (result.location.empty())
    refuse(place, "MODEL-EXTERNAL", "external data: names no location; a file inside the model's folder is expected");
  return result;
}

void check_length(std::int64_t have, const TensorType& tensor, const Place& place) {
  if (have != tensor.bytes())
    refuse(place, "MODEL-TENSOR",
           fmt::format("holds {} bytes, but {} {} needs {}", have, to_string(tensor.type), to_string(tensor.shape),
                       tensor.bytes()));
}

}  // namespace

const MappedFile& TensorReader::mapped(const std::string& location, const Place& place) {
  const auto known = external_.find(location);
  if (known != external_.end()) return known->second;
  try {
    const fs::path folder = file_.path.parent_path();
    return external_.emplace(location, MappedFile::open_beneath(folder.empty() ? "." : folder, location, external_cap))
        .first->second;
  } catch (const Error& error) {
    throw Error(error.exit(), error.code(), place,
                fmt::format("external data '{}': {}; it must be a regular file inside the model's folder",
                            printable(location, 80), error.message()));
  }
}

Constant TensorReader::external(const onnx::TensorProto& tensor, const Place& place, Constant constant) {
  const External where = parse_external(tensor, place);
  const MappedFile& file = mapped(where.location, place);
  const auto size = static_cast<std::int64_t>(file.bytes().size());
  const std::int64_t length = where.length >= 0 ? where.length : constant.tensor.bytes();
  if (where.offset > size || length > size - where.offset)
    refuse(place, "MODEL-EXTERNAL",
           fmt::format("external data '{}': bytes {} to {} + {} lie beyond its end at {}",
                       printable(where.location, 80), where.offset, where.offset, length, size));
  check_length(length, constant.tensor, place);
  constant.owner = file.mapping();
  constant.data = file.bytes().data() + where.offset;
  return constant;
}

Constant TensorReader::read(const onnx::TensorProto& tensor, const std::string& name) {
  const Place place = at_tensor(file_.path, name);
  Constant constant;
  constant.tensor = checked_type(tensor, place);
  if (tensor.has_segment())
    refuse(place, "MODEL-TENSOR", "is stored in segments, which no tool writes any more; store it in one piece");
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) return external(tensor, place, std::move(constant));
  if (tensor.external_data_size() > 0)
    refuse(place, "MODEL-EXTERNAL",
           "names external data but is marked as stored inside; data_location must be EXTERNAL");
  if (tensor.has_raw_data()) {
    check_length(static_cast<std::int64_t>(tensor.raw_data().size()), constant.tensor, place);
    constant.owner = file_.model;
    constant.data = reinterpret_cast<const std::byte*>(tensor.raw_data().data());
    return constant;
  }
  auto bytes = std::make_shared<std::vector<std::byte>>(typed_data(tensor, constant.tensor.type));
  check_length(static_cast<std::int64_t>(bytes->size()), constant.tensor, place);
  constant.data = bytes->data();
  constant.owner = std::move(bytes);
  return constant;
}

}  // namespace dse
