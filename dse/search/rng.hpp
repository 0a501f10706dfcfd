// Randomness of the search. Every generation, and every child in it, draws from a generator of its own, derived from
// (seed, generation, child), so that a search that is stopped and resumed, or run in chunks, or on more threads, draws
// the same numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/mix.hpp"

namespace dse::search {

// splitmix64: the finaliser over a counter. Starting one costs nothing.
class Rng {
 public:
  Rng(std::uint64_t seed, std::uint64_t generation) : state_(mix(seed, generation)) {}
  Rng(std::uint64_t seed, std::uint64_t generation, std::uint64_t child) : state_(mix(mix(seed, generation), child)) {}

  // Uniform in [0, n) for n below 2^32; 0 for n = 0.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(((next() >> 32) * n) >> 32); }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double p) { return unit() < p; }
  // 1, 2, 3, ... with halving probability, at most `limit` (which is at least 1).
  std::size_t geometric(std::size_t limit) {
    std::size_t n = 1;
    while (n < limit && chance(0.5)) ++n;
    return n;
  }

 private:
  std::uint64_t next() { return mix(state_, counter_++); }

  std::uint64_t state_, counter_ = 0;
};

}  // namespace dse::search
