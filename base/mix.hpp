// Words mixed into one, the same on every machine: hashes, and seeds derived from seeds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dse {

// The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014) over a Weyl step for each word.
constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15ull + (b + 1) * 0xD1B54A32D192ED03ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// 128 bits of what was added, in its order: two such keys are taken for the same thing.
class MixedKey {
 public:
  explicit MixedKey(std::uint64_t of) : first_(of), second_(~of) {}
  void add(std::uint64_t word) {
    first_ = mix(first_, word);
    second_ = mix(second_ ^ 0x5bd1e995, word);
  }
  std::uint64_t hash() const { return first_; }
  std::uint64_t second() const { return second_; }
  bool operator==(const MixedKey&) const = default;

  struct Hash {
    std::size_t operator()(const MixedKey& key) const { return key.hash(); }
  };

 private:
  std::uint64_t first_, second_;
};

}  // namespace dse
