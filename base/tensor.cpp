#include "base/tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

namespace dse {
namespace {

struct TypeFacts {
  std::string_view name;
  std::size_t size;
};

constexpr std::array<TypeFacts, 17> facts{{{"undefined", 0},
                                           {"float32", 4},
                                           {"uint8", 1},
                                           {"int8", 1},
                                           {"uint16", 2},
                                           {"int16", 2},
                                           {"int32", 4},
                                           {"int64", 8},
                                           {"string", 0},
                                           {"bool", 1},
                                           {"float16", 2},
                                           {"float64", 8},
                                           {"uint32", 4},
                                           {"uint64", 8},
                                           {"complex64", 8},
                                           {"complex128", 16},
                                           {"bfloat16", 2}}};

const TypeFacts& facts_of(DataType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < facts.size() ? facts[index] : facts[0];
}

}  // namespace

std::size_t element_size(DataType type) { return facts_of(type).size; }
std::string_view to_string(DataType type) { return facts_of(type).name; }

std::optional<DataType> data_type_from_string(std::string_view text) {
  for (std::size_t i = 1; i < facts.size(); ++i)
    if (facts[i].name == text) return static_cast<DataType>(i);
  return std::nullopt;
}

std::optional<std::int64_t> element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) return std::nullopt;
  return count;
}

std::string to_string(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

std::int64_t TensorType::elements() const { return element_count(shape).value_or(0); }

}  // namespace dse
