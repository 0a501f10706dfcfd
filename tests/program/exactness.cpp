#include "program/exactness.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/error.hpp"

using namespace dse;
using namespace dse::program;

namespace {

template <typename T>
Deviation compare(DataType type, const std::vector<T>& got, const std::vector<T>& want) {
  return deviation(type, std::as_bytes(std::span(got)), std::as_bytes(std::span(want)));
}

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("floating point is compared relative to the largest magnitude") {
  const Deviation found = compare<float>(DataType::float32, {1, -4, 2.5F}, {1, -4, 2});
  CHECK(found.difference == doctest::Approx(0.5));
  CHECK(found.magnitude == doctest::Approx(4));
  CHECK(found.relative() == doctest::Approx(0.125));
  CHECK(within(DataType::float32, found, 0.125));
  CHECK_FALSE(within(DataType::float32, found, 0.124));
  CHECK(compare<double>(DataType::float64, {3}, {3}).relative() == 0);
}

TEST_CASE("NaN, infinity and zeros") {
  CHECK(std::isinf(compare<float>(DataType::float32, {not_a_number}, {1}).relative()));
  CHECK(std::isinf(compare<float>(DataType::float32, {1}, {not_a_number}).relative()));
  CHECK(std::isinf(compare<float>(DataType::float32, {not_a_number}, {not_a_number}).relative()));
  CHECK(compare<float>(DataType::float32, {infinity, 1}, {infinity, 1}).relative() == 0);
  CHECK(std::isinf(compare<float>(DataType::float32, {-infinity, 1}, {infinity, 1}).relative()));
  CHECK(std::isinf(compare<float>(DataType::float32, {1e-30F}, {0}).relative()));
  CHECK(compare<float>(DataType::float32, {0, -0.0F}, {0, 0}).relative() == 0);
  CHECK(std::isinf(compare<float>(DataType::float32, {1}, {1, 1}).relative()));
}

TEST_CASE("half precision is read as numbers, not as bits") {
  // 1.0, 1.0009765625, 65504, smallest subnormal
  CHECK(compare<std::uint16_t>(DataType::float16, {0x3c01}, {0x3c00}).difference == doctest::Approx(0.0009765625));
  CHECK(compare<std::uint16_t>(DataType::float16, {0x7bff}, {0x7bff}).magnitude == 65504);
  CHECK(compare<std::uint16_t>(DataType::float16, {0x0001}, {0x0000}).difference ==
        doctest::Approx(std::ldexp(1.0, -24)));
  CHECK(std::isinf(compare<std::uint16_t>(DataType::float16, {0x7e00}, {0x3c00}).difference));
  CHECK(compare<std::uint16_t>(DataType::bfloat16, {0x4000}, {0x3f80}).difference == 1);
}

TEST_CASE("integers must be equal, whatever the tolerance") {
  const Deviation off = compare<std::int32_t>(DataType::int32, {1'000'000, 5}, {1'000'000, 6});
  CHECK(off.relative() == doctest::Approx(1e-6));
  CHECK_FALSE(within(DataType::int32, off, 1));
  CHECK(within(DataType::int32, compare<std::int32_t>(DataType::int32, {7}, {7}), 0));
  // These two have the same double.
  const std::int64_t large = (std::int64_t{1} << 53);
  CHECK_FALSE(within(DataType::int64, compare<std::int64_t>(DataType::int64, {large + 1}, {large}), 1));
  CHECK_FALSE(within(DataType::boolean, compare<std::uint8_t>(DataType::boolean, {1}, {0}), 1));
  CHECK_FALSE(within(DataType::uint64, compare<std::uint64_t>(DataType::uint64, {~std::uint64_t{0}}, {0}), 1));
}

TEST_CASE("types without an order are no tensors of a deployment") {
  CHECK_THROWS_AS(compare<float>(DataType::complex64, {1, 2}, {1, 2}), Error);
}
