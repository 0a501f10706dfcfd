// What every room knows of a tensor: element type, shape, bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dse {

// Values are those of onnx.TensorProto.DataType.
enum class DataType : int {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
};

using Shape = std::vector<std::int64_t>;

// float16 or bfloat16.
inline bool is_half(DataType type) { return type == DataType::float16 || type == DataType::bfloat16; }
// Bytes of one element; 0 for types that have no fixed size (string) or are unknown.
std::size_t element_size(DataType type);
std::string_view to_string(DataType type);  // "float32"
std::optional<DataType> data_type_from_string(std::string_view text);

// Product of the dimensions; nullopt where one is negative or the product overflows 63 bits.
std::optional<std::int64_t> element_count(const Shape& shape);
std::string to_string(const Shape& shape);  // "1x3x224x224", "scalar" for rank 0

struct TensorType {
  DataType type = DataType::undefined;
  Shape shape;

  // Shape and type must be known and sane (checked where a tensor enters the project): no error is reported here.
  std::int64_t elements() const;
  std::int64_t bytes() const { return elements() * static_cast<std::int64_t>(element_size(type)); }
  bool operator==(const TensorType&) const = default;
};

}  // namespace dse
