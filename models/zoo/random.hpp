// Reproducible random numbers: the value at an index is a pure function of (key, index), so weights can be drawn in any
// order, at any place, and are the same bytes on every compiler and processor. <random>'s distributions are not (the
// standard leaves them open).
//
// Bits: splitmix64 (Steele, Lea and Flood, OOPSLA 2014) read as a counter-based generator.
// Normal: Irwin-Hall, the sum of four 16-bit uniforms from one 64-bit draw; support +-3.46 deviations, excess kurtosis
// -0.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dse::zoo {

// What a tensor's elements are drawn from: `centre` plus noise of `deviation` (normal), or centre +- `deviation`
// (uniform).
struct Distribution {
  enum class Kind { normal, uniform };
  Kind kind = Kind::normal;
  double centre = 0;
  double deviation = 1;
  std::int64_t group = 0;  // only for normal with centre 0
};

// The key of a named stream: streams of different names or seeds are independent.
std::uint64_t stream_key(std::uint64_t seed, std::string_view name);

// out[i] is element first + i of the stream; where there are groups, both `first` and the length are whole numbers of
// them.
void draw(const Distribution& distribution, std::uint64_t key, std::uint64_t first, std::span<float> out);

}  // namespace dse::zoo
