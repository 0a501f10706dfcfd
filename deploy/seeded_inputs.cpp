#include "deploy/seeded_inputs.hpp"

#include <bit>
#include <cstring>
#include <string>

#include "base/error.hpp"

namespace dse::deploy {
namespace {

// Steele, Lea and Flood's SplitMix64.
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t state) : state_(state) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  // A multiple of 2^-23 in [-1, 1): exact in single precision.
  float symmetric() { return static_cast<float>(next() >> 40) * 0x1p-23F - 1; }

 private:
  std::uint64_t state_;
};

SplitMix stream(std::uint64_t seed, std::size_t frame, std::size_t port) {
  std::uint64_t state = seed;
  for (const std::uint64_t word : {std::uint64_t{frame}, std::uint64_t{port}})
    state = SplitMix(state ^ (word + 1)).next();
  return SplitMix(state);
}

// Round to nearest even. Values come from symmetric(): below 1 in magnitude, no infinities.
std::uint16_t half_bits(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const int exponent = static_cast<int>((bits >> 23) & 0xff) - 127;
  const std::uint32_t mantissa = (bits & 0x7fffffU) | 0x800000U;
  const int shift = exponent >= -14 ? 13 : 13 + (-14 - exponent);
  if (shift > 24) return sign;
  const std::uint32_t kept = mantissa >> shift;
  const std::uint32_t rest = mantissa & ((1U << shift) - 1);
  const std::uint32_t middle = 1U << (shift - 1);
  const std::uint32_t rounded = kept + ((rest > middle || (rest == middle && (kept & 1U) != 0)) ? 1U : 0U);
  // The implicit bit of a normal number carries into the exponent field.
  const std::uint32_t biased = exponent >= -14 ? static_cast<std::uint32_t>(exponent + 14) << 10 : 0U;
  return static_cast<std::uint16_t>(sign | (biased + rounded));
}

template <typename T, typename Draw>
void fill(std::vector<std::byte>& data, Draw draw) {
  for (std::size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    const T element = draw();
    std::memcpy(data.data() + at, &element, sizeof element);
  }
}

template <typename T>
void fill_bits(std::vector<std::byte>& data, SplitMix& random) {
  fill<T>(data, [&] { return static_cast<T>(random.next() >> 63); });
}

}  // namespace

engine::OwnedTensor seeded_input(const TensorType& type, std::uint64_t seed, std::size_t frame, std::size_t port) {
  engine::OwnedTensor result{type, std::vector<std::byte>(static_cast<std::size_t>(type.bytes()))};
  SplitMix random = stream(seed, frame, port);
  std::vector<std::byte>& data = result.data;
  switch (type.type) {
    case DataType::float32:
      fill<float>(data, [&] { return random.symmetric(); });
      return result;
    case DataType::float64:
      fill<double>(data, [&] { return static_cast<double>(random.symmetric()); });
      return result;
    case DataType::float16:
      fill<std::uint16_t>(data, [&] { return half_bits(random.symmetric()); });
      return result;
    case DataType::bfloat16:
      fill<std::uint16_t>(
          data, [&] { return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(random.symmetric()) >> 16); });
      return result;
    case DataType::int8:
    case DataType::uint8:
      fill<std::uint8_t>(data, [&] { return static_cast<std::uint8_t>(random.next() >> 56); });
      return result;
    case DataType::boolean:
      fill_bits<std::uint8_t>(data, random);
      return result;
    case DataType::int16:
    case DataType::uint16:
      fill_bits<std::uint16_t>(data, random);
      return result;
    case DataType::int32:
    case DataType::uint32:
      fill_bits<std::uint32_t>(data, random);
      return result;
    case DataType::int64:
    case DataType::uint64:
      fill_bits<std::uint64_t>(data, random);
      return result;
    case DataType::undefined:
    case DataType::string:
    case DataType::complex64:
    case DataType::complex128:
      break;
  }
  throw Error(ExitCode::bad_input, "INPUT-TYPE",
              "inputs of type " + std::string(to_string(type.type)) + " cannot be made; numbers and booleans can");
}

}  // namespace dse::deploy
