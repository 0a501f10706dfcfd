#include "program/exactness.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

#include "base/error.hpp"

namespace dse::program {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Half {
  std::uint16_t bits;
};
struct BrainHalf {
  std::uint16_t bits;
};

double value(Half half) {
  const int exponent = (half.bits >> 10) & 0x1f;
  const double mantissa = half.bits & 0x3ff;
  const double sign = (half.bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0x1f) return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * infinity;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(mantissa + 1024, exponent - 25);
}
double value(BrainHalf half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half.bits) << 16;
  float result = 0;
  std::memcpy(&result, &bits, sizeof result);
  return static_cast<double>(result);
}
template <typename T>
requires std::is_arithmetic_v<T>
double value(T number) { return static_cast<double>(number); }

double difference(double got, double want) {
  if (std::isnan(got) || std::isnan(want)) return infinity;
  return got == want ? 0 : std::abs(got - want);
}

template <typename T>
T element(std::span<const std::byte> bytes, std::size_t index) {
  T result;
  std::memcpy(&result, bytes.data() + index * sizeof(T), sizeof(T));
  return result;
}

template <typename T>
Deviation compare(std::span<const std::byte> got, std::span<const std::byte> want) {
  Deviation result;
  if (got.size() != want.size()) return {infinity, 0};
  for (std::size_t i = 0; i < want.size() / sizeof(T); ++i) {
    const T a = element<T>(got, i);
    const T b = element<T>(want, i);
    const double expected = value(b);
    double off = difference(value(a), expected);
    // Neighbouring 64-bit integers may have one double.
    if constexpr (std::is_integral_v<T>)
      if (a != b) off = std::max(off, 1.0);
    result.difference = std::max(result.difference, off);
    if (std::isfinite(expected)) result.magnitude = std::max(result.magnitude, std::abs(expected));
  }
  return result;
}

}  // namespace

double Deviation::relative() const {
  if (difference == 0) return 0;
  return magnitude > 0 ? difference / magnitude : infinity;
}

Deviation deviation(DataType type, std::span<const std::byte> got, std::span<const std::byte> want) {
  switch (type) {
    case DataType::float32:
      return compare<float>(got, want);
    case DataType::float64:
      return compare<double>(got, want);
    case DataType::float16:
      return compare<Half>(got, want);
    case DataType::bfloat16:
      return compare<BrainHalf>(got, want);
    case DataType::int8:
      return compare<std::int8_t>(got, want);
    case DataType::int16:
      return compare<std::int16_t>(got, want);
    case DataType::int32:
      return compare<std::int32_t>(got, want);
    case DataType::int64:
      return compare<std::int64_t>(got, want);
    case DataType::boolean:
    case DataType::uint8:
      return compare<std::uint8_t>(got, want);
    case DataType::uint16:
      return compare<std::uint16_t>(got, want);
    case DataType::uint32:
      return compare<std::uint32_t>(got, want);
    case DataType::uint64:
      return compare<std::uint64_t>(got, want);
    case DataType::undefined:
    case DataType::string:
    case DataType::complex64:
    case DataType::complex128:
      break;
  }
  throw Error(ExitCode::internal, "EXACTNESS-TYPE",
              "tensors of type " + std::string(to_string(type)) + " cannot be compared");
}

bool is_floating(DataType type) {
  return type == DataType::float32 || type == DataType::float64 || type == DataType::float16 ||
         type == DataType::bfloat16;
}

bool within(DataType type, const Deviation& found, double tolerance) {
  return is_floating(type) ? found.relative() <= tolerance : found.difference == 0;
}

}  // namespace dse::program
