// Shortened messages: every value comes back within the bound that the header promises.
#include "runtime/wire_codec.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace dse;
using namespace dse::runtime;
using program::Wire;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::vector<float> there_and_back(Wire wire, const std::vector<float>& values) {
  const auto elements = static_cast<std::int64_t>(values.size());
  // A guard byte behind the message stays as it is.
  std::vector<std::byte> message(static_cast<std::size_t>(program::wire_bytes(wire, DataType::float32, elements)) + 1,
                                 std::byte{0x5a});
  encode(wire, values, message.data());
  CHECK(message.back() == std::byte{0x5a});
  std::vector<float> result(values.size(), -1);
  decode(wire, message.data(), result);
  return result;
}

bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

TEST_CASE("only float32 is written shorter") {
  CHECK(program::wire_bytes(Wire::full, DataType::float32, 10) == 40);
  CHECK(program::wire_bytes(Wire::fp16, DataType::float32, 10) == 20);
  CHECK(program::wire_bytes(Wire::int8, DataType::float32, 10) == 18);
  CHECK(program::wire_bytes(Wire::int8, DataType::float32, 256) == 264);
  CHECK(program::wire_bytes(Wire::int8, DataType::float32, 257) == 273);
  for (const DataType type : {DataType::int64, DataType::uint8, DataType::float16, DataType::float64})
    for (const Wire wire : {Wire::full, Wire::fp16, Wire::int8}) {
      CHECK_FALSE(program::shortens(wire, type));
      CHECK(program::wire_bytes(wire, type, 7) == 7 * static_cast<std::int64_t>(element_size(type)));
    }
}

TEST_CASE("halves: known bits, rounding to even, saturation") {
  const std::vector<float> values{1.0F, -2.0F, 65504.0F, 1e6F, -1e6F, infinity, -infinity, 0.0F, 2049.0F, 2051.0F};
  const std::vector<std::uint16_t> wanted{0x3c00, 0xc000, 0x7bff, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0, 0x6800, 0x6802};
  std::vector<std::uint16_t> bits(values.size());
  encode(Wire::fp16, values, std::as_writable_bytes(std::span(bits)).data());
  CHECK(bits == wanted);
  CHECK(same(there_and_back(Wire::fp16, {not_a_number})[0], not_a_number));
}

TEST_CASE("halves that come back are within half a unit in the last place") {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> exponent(-14, 15), sign(-1, 1);
  std::vector<float> values;
  for (int i = 0; i < 5000; ++i) values.push_back(std::copysign(std::exp2(exponent(random)), sign(random)));
  const std::vector<float> back = there_and_back(Wire::fp16, values);
  for (std::size_t i = 0; i < values.size(); ++i)
    CHECK(std::abs(back[i] - values[i]) <= std::abs(values[i]) * 0x1p-11F);
}

TEST_CASE("a block's values come back within half a step") {
  std::mt19937 random(7);
  for (const std::size_t size : {1U, 2U, 255U, 256U, 257U, 1000U}) {
    std::uniform_real_distribution<float> any(-3, 5);
    std::vector<float> values(size);
    for (float& value : values) value = any(random);
    const std::vector<float> back = there_and_back(Wire::int8, values);
    for (std::size_t start = 0; start < size; start += 256) {
      const auto first = values.begin() + static_cast<std::ptrdiff_t>(start);
      const auto last = values.begin() + static_cast<std::ptrdiff_t>(std::min(size, start + 256));
      const auto [least, largest] = std::minmax_element(first, last);
      const float step = (*largest - *least) / 252;
      for (auto value = first; value != last; ++value) {
        const float found = back[static_cast<std::size_t>(value - values.begin())];
        CHECK(std::abs(found - *value) <= step * 0.501F + 1e-6F);
      }
    }
  }
}

TEST_CASE("blocks keep constants, extremes and what is not finite") {
  CHECK(there_and_back(Wire::int8, {4.25F, 4.25F, 4.25F}) == std::vector<float>{4.25F, 4.25F, 4.25F});
  const std::vector<float> odd{0, infinity, -infinity, not_a_number, 252};
  const std::vector<float> back = there_and_back(Wire::int8, odd);
  for (std::size_t i = 0; i < odd.size(); ++i) CHECK(same(back[i], odd[i]));
  const std::vector<float> none = there_and_back(Wire::int8, {not_a_number, infinity});
  CHECK(std::isnan(none[0]));
  CHECK(none[1] == infinity);
  const float most = std::numeric_limits<float>::max();
  const std::vector<float> wide = there_and_back(Wire::int8, {-most, 0, most});
  CHECK(wide[0] == doctest::Approx(-most));
  CHECK(std::abs(wide[1]) < most / 200);
  CHECK(wide[2] == doctest::Approx(most));
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const float value : there_and_back(Wire::int8, {0, tiny, 3 * tiny})) CHECK(std::abs(value) <= 4 * tiny);
}
