#include "deploy/exactness.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

#include "base/error.hpp"

namespace dse::deploy {
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
  return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(half.bits) << 16));
}
template <typename T>
requires std::is_arithmetic_v<T>
double value(T number) { return static_cast<double>(number); }

template <typename T>
T element(std::span<const std::byte> bytes, std::size_t index) {
  T result;
  std::memcpy(&result, bytes.data() + index * sizeof(T), sizeof(T));
  return result;
}

double difference(double got, double want) {
  if (std::isnan(got) || std::isnan(want)) return infinity;
  if (got == want) return 0;
  return std::abs(got - want);
}

template <typename T>
double compare(std::span<const std::byte> got, std::span<const std::byte> want) {
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < want.size() / sizeof(T); ++i) {
    const double expected = value(element<T>(want, i));
    double off = difference(value(element<T>(got, i)), expected);
    // Neighbouring 64-bit integers may have one double.
    if constexpr (std::is_integral_v<T>)
      if (off == 0 && element<T>(got, i) != element<T>(want, i)) off = 1;
    worst = std::max(worst, off);
    if (std::isfinite(expected)) largest = std::max(largest, std::abs(expected));
  }
  if (worst == 0) return 0;
  return largest > 0 ? worst / largest : infinity;
}

}  // namespace

double relative_error(const TensorType& type, std::span<const std::byte> got, std::span<const std::byte> want) {
  const auto bytes = static_cast<std::size_t>(type.bytes());
  if (got.size() != bytes || want.size() != bytes) return infinity;
  switch (type.type) {
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
              "tensors of type " + std::string(to_string(type.type)) + " cannot be compared");
}

double base_tolerance(bool half_precision) { return half_precision ? 2e-3 : 1e-4; }

bool is_half_precision(DataType type) { return type == DataType::float16 || type == DataType::bfloat16; }

double tolerance(double base, double noise) {
  if (!std::isfinite(noise)) return 10 * base;
  return std::min(std::max(base, 4 * noise), 10 * base);
}

}  // namespace dse::deploy
