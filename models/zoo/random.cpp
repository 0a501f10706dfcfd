#include "models/zoo/random.hpp"

#include <cmath>

namespace dse::zoo {
namespace {

constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;

constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

constexpr std::uint64_t bits(std::uint64_t key, std::uint64_t index) { return mix(key + (index + 1) * golden); }

// The sum of the four 16-bit lanes less its mean: integers in +-131070.
constexpr std::int32_t lane_sum(std::uint64_t word) {
  constexpr std::uint64_t even = 0x0000FFFF0000FFFFU;
  const std::uint64_t pairs = (word & even) + ((word >> 16) & even);
  return static_cast<std::int32_t>((pairs & 0xFFFFFFFFU) + (pairs >> 32)) - 131070;
}

// Standard deviation of lane_sum: sqrt(4 * (65536^2 - 1) / 12).
const double lane_deviation = std::sqrt((65536.0 * 65536.0 - 1.0) / 3.0);

// The mean is removed in integers, so that the result does not depend on an order of summation.
void draw_filter(float scale, bool centred, std::uint64_t key, std::uint64_t first, std::span<float> out) {
  std::int32_t mean = 0;
  if (centred) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i) sum += lane_sum(bits(key, first + i));
    mean = static_cast<std::int32_t>(sum / static_cast<std::int64_t>(out.size()));
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(lane_sum(bits(key, first + i)) - mean) * scale;
}

}  // namespace

std::uint64_t stream_key(std::uint64_t seed, std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return mix(mix(seed + golden) ^ hash);
}

void draw(const Distribution& distribution, std::uint64_t key, std::uint64_t first, std::span<float> out) {
  if (distribution.kind == Distribution::Kind::normal && distribution.centre == 0) {
    const auto scale = static_cast<float>(distribution.deviation / lane_deviation);
    const std::size_t group = distribution.group > 0 ? static_cast<std::size_t>(distribution.group) : out.size();
    for (std::size_t start = 0; start < out.size(); start += group)
      draw_filter(scale, distribution.group > 0, key, first + start, out.subspan(start, group));
    return;
  }
  const bool normal = distribution.kind == Distribution::Kind::normal;
  const double unit = normal ? lane_deviation : 4503599627370496.0;  // 2^52: half the range of 53 random bits
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t word = bits(key, first + i);
    const double noise = normal ? lane_sum(word) : static_cast<double>(word >> 11) - unit;
    // said explicitly: whether a compiler contracts a product and a sum differs between processors
    out[i] = static_cast<float>(std::fma(noise, distribution.deviation / unit, distribution.centre));
  }
}

}  // namespace dse::zoo
