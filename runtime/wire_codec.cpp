#include "runtime/wire_codec.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace dse::runtime {
namespace {

using program::Wire;
using program::wire_block;

// ---- half precision

static_assert(sizeof(Eigen::half) == 2);

std::uint16_t to_half(float value) {
  constexpr float largest = 65504.0F;
  if (std::isfinite(value)) value = std::clamp(value, -largest, largest);
  return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(value));
}

void encode_halves(std::span<const float> values, std::byte* message) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = to_half(values[i]);
    std::memcpy(message + 2 * i, &bits, sizeof bits);
  }
}

void decode_halves(const std::byte* message, std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, message + 2 * i, sizeof bits);
    values[i] = static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits));
  }
}

// ---- blocks of bytes

constexpr std::uint8_t last_code = 252, minus_infinity = 253, plus_infinity = 254, not_a_number = 255;
constexpr std::size_t header_bytes = 2 * sizeof(float);

struct Scale {
  float least = 0;
  float step = 0;
};

Scale scale_of(std::span<const float> block) {
  float least = std::numeric_limits<float>::infinity();
  float largest = -least;
  for (const float value : block) {
    if (!std::isfinite(value)) continue;
    least = std::min(least, value);
    largest = std::max(largest, value);
  }
  if (least > largest) return {};
  // Halves, so that the range of the largest floats is finite.
  return {least, (largest / 2 - least / 2) / last_code * 2};
}

std::uint8_t code_of(float value, const Scale& scale, float per_step) {
  if (!std::isfinite(value)) {
    if (std::isnan(value)) return not_a_number;
    return value < 0 ? minus_infinity : plus_infinity;
  }
  const float steps = (value / 2 - scale.least / 2) * per_step * 2;
  return static_cast<std::uint8_t>(std::min(steps + 0.5F, float{last_code}));
}

float value_of(std::uint8_t code, const Scale& scale) {
  if (code == minus_infinity) return -std::numeric_limits<float>::infinity();
  if (code == plus_infinity) return std::numeric_limits<float>::infinity();
  if (code == not_a_number) return std::numeric_limits<float>::quiet_NaN();
  return (scale.least / 2 + static_cast<float>(code) * (scale.step / 2)) * 2;
}

void encode_block(std::span<const float> block, std::byte* message) {
  const Scale scale = scale_of(block);
  static_assert(std::is_trivially_copyable_v<Scale> && sizeof scale == header_bytes);
  std::memcpy(message, &scale, sizeof scale);
  const float per_step = scale.step > 0 ? 1 / scale.step : 0;
  for (std::size_t i = 0; i < block.size(); ++i)
    message[header_bytes + i] = std::byte{code_of(block[i], scale, std::isfinite(per_step) ? per_step : 0)};
}

void decode_block(const std::byte* message, std::span<float> block) {
  Scale scale;
  std::memcpy(&scale, message, sizeof scale);
  for (std::size_t i = 0; i < block.size(); ++i)
    block[i] = value_of(std::to_integer<std::uint8_t>(message[header_bytes + i]), scale);
}

// Calls `act(block, message)` for each block of the values.
template <typename Value, typename Byte, typename Act>
void for_blocks(std::span<Value> values, Byte* message, const Act& act) {
  constexpr auto most = static_cast<std::size_t>(wire_block);
  for (std::size_t start = 0; start < values.size(); start += most) {
    const std::span<Value> block = values.subspan(start, std::min(most, values.size() - start));
    act(block, message);
    message += header_bytes + block.size();
  }
}

}  // namespace

void encode(Wire wire, std::span<const float> values, std::byte* message) {
  if (wire == Wire::fp16) return encode_halves(values, message);
  for_blocks(values, message, encode_block);
}

void decode(Wire wire, const std::byte* message, std::span<float> values) {
  if (wire == Wire::fp16) return decode_halves(message, values);
  for_blocks(values, message, [](std::span<float> block, const std::byte* from) { decode_block(from, block); });
}

}  // namespace dse::runtime
