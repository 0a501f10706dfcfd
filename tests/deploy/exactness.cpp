#include "deploy/exactness.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.hpp"

using namespace dse;

namespace {

template <typename T>
double error_of(DataType type, std::vector<T> got, std::vector<T> want) {
  const TensorType tensor{type, {static_cast<std::int64_t>(want.size())}};
  return deploy::relative_error(tensor, std::as_bytes(std::span(got)), std::as_bytes(std::span(want)));
}

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan_value = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("errors are relative to the largest expected magnitude") {
  CHECK(error_of<float>(DataType::float32, {1, -4, 0.5F}, {1, -4, 0}) == doctest::Approx(0.125));
  CHECK(error_of<float>(DataType::float32, {1, 2}, {1, 2}) == 0);
  CHECK(error_of<double>(DataType::float64, {10, 1}, {10, 2}) == doctest::Approx(0.1));
}

TEST_CASE("what is not a number never counts as equal") {
  CHECK(std::isinf(error_of<float>(DataType::float32, {nan_value, 2}, {1, 2})));
  CHECK(std::isinf(error_of<float>(DataType::float32, {1, 2}, {nan_value, 2})));
  CHECK(std::isinf(error_of<float>(DataType::float32, {nan_value}, {nan_value})));
}

TEST_CASE("infinities equal themselves only, and hide no other difference") {
  CHECK(error_of<float>(DataType::float32, {infinity, 2}, {infinity, 2}) == 0);
  CHECK(std::isinf(error_of<float>(DataType::float32, {infinity, 2}, {1, 2})));
  CHECK(std::isinf(error_of<float>(DataType::float32, {1, 2}, {-infinity, 2})));
  CHECK(error_of<float>(DataType::float32, {infinity, 3}, {infinity, 2}) == doctest::Approx(0.5));
}

TEST_CASE("an expected tensor of zeros allows nothing else") {
  CHECK(error_of<float>(DataType::float32, {0, -0.0F}, {0, 0}) == 0);
  CHECK(std::isinf(error_of<float>(DataType::float32, {0, 1e-30F}, {0, 0})));
}

TEST_CASE("a missing element is an error") {
  const TensorType type{DataType::float32, {2}};
  const std::vector<float> one{1};
  const std::vector<float> two{1, 2};
  CHECK(std::isinf(deploy::relative_error(type, std::as_bytes(std::span(one)), std::as_bytes(std::span(two)))));
}

TEST_CASE("half precision is decoded") {
  // 1.0, -2.0 | 1.5, smallest subnormal | infinity, NaN
  CHECK(error_of<std::uint16_t>(DataType::float16, {0x3c00, 0xc000}, {0x3e00, 0xc000}) == doctest::Approx(0.25));
  CHECK(error_of<std::uint16_t>(DataType::float16, {0x0001}, {0x0002}) == doctest::Approx(0.5));
  CHECK(error_of<std::uint16_t>(DataType::float16, {0x7c00, 0x3c00}, {0x7c00, 0x3c00}) == 0);
  CHECK(std::isinf(error_of<std::uint16_t>(DataType::float16, {0x7e00}, {0x3c00})));
  CHECK(error_of<std::uint16_t>(DataType::bfloat16, {0x3f80}, {0x4000}) == doctest::Approx(0.5));
}

TEST_CASE("integers") {
  CHECK(error_of<std::int8_t>(DataType::int8, {1, -100}, {2, -100}) == doctest::Approx(0.01));
  CHECK(error_of<std::uint8_t>(DataType::boolean, {1, 0}, {1, 0}) == 0);
  const std::int64_t big = std::int64_t{1} << 62;
  CHECK(error_of<std::int64_t>(DataType::int64, {big + 1}, {big}) > 0);
  CHECK(error_of<std::int64_t>(DataType::int64, {big}, {big}) == 0);
}

TEST_CASE("strings are refused") { CHECK_THROWS_AS(error_of<char>(DataType::string, {}, {}), Error); }

TEST_CASE("the tolerance follows the noise between the base and ten times the base") {
  CHECK(deploy::tolerance(1e-4, 0, 1) == 1e-4);
  CHECK(deploy::tolerance(1e-4, 1e-5, 1) == 1e-4);
  CHECK(deploy::tolerance(1e-4, 1e-4, 1) == doctest::Approx(4e-4));
  CHECK(deploy::tolerance(1e-4, 1, 1) == doctest::Approx(1e-3));
  CHECK(deploy::tolerance(2e-3, std::numeric_limits<double>::infinity(), 1) == doctest::Approx(2e-2));
  // A tiny tensor gets what float32 resolves near 1, if its noise shows that it needs it.
  CHECK(deploy::tolerance(1e-4, 1e-5, 1e-5) == 1e-4);
  CHECK(deploy::tolerance(1e-4, 4e-3, 1e-5) == doctest::Approx(4 * 0x1p-23 / 1e-5));
  CHECK(deploy::tolerance(1e-4, 4e-3, 1e-9) == 0.5);
  CHECK(deploy::tolerance(1e-4, 4e-3, 0) == doctest::Approx(1e-3));
  CHECK(deploy::base_tolerance(true) == 2e-3);
  CHECK(deploy::base_tolerance(false) == 1e-4);
}
