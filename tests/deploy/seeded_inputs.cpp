#include "deploy/seeded_inputs.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "deploy/exactness.hpp"

using namespace dse;

namespace {

template <typename T>
std::vector<T> values(const engine::OwnedTensor& tensor) {
  std::vector<T> result(tensor.data.size() / sizeof(T));
  std::memcpy(result.data(), tensor.data.data(), tensor.data.size());
  return result;
}

}  // namespace

TEST_CASE("the same seed, frame and port give the same input, others give another") {
  const TensorType type{DataType::float32, {1, 3, 8, 8}};
  const auto first = deploy::seeded_input(type, 1, 0, 0);
  CHECK(first.data == deploy::seeded_input(type, 1, 0, 0).data);
  CHECK(first.data != deploy::seeded_input(type, 2, 0, 0).data);
  CHECK(first.data != deploy::seeded_input(type, 1, 1, 0).data);
  CHECK(first.data != deploy::seeded_input(type, 1, 0, 1).data);
  // Frame and port are not interchangeable.
  CHECK(deploy::seeded_input(type, 1, 1, 0).data != deploy::seeded_input(type, 1, 0, 1).data);
}

TEST_CASE("floating-point inputs are spread over [-1, 1)") {
  double sum = 0;
  float low = 0;
  float high = 0;
  const auto inputs = values<float>(deploy::seeded_input({DataType::float32, {10000}}, 7, 0, 0));
  for (const float value : inputs) {
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  CHECK(std::abs(sum / 10000) < 0.05);
  CHECK(low >= -1);
  CHECK(low < -0.99F);
  CHECK(high < 1);
  CHECK(high > 0.99F);
}

TEST_CASE("half-precision inputs are the single-precision ones, rounded") {
  const TensorType single{DataType::float32, {4096}};
  const TensorType half{DataType::float16, {4096}};
  const auto exact = values<float>(deploy::seeded_input(single, 3, 0, 0));
  const auto rounded = values<std::uint16_t>(deploy::seeded_input(half, 3, 0, 0));
  // The decoder of the comparison is the judge: one element at a time against what rounding allows (11 significant
  // bits).
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const TensorType one{DataType::float16, {1}};
    const std::uint16_t zero = 0;
    const std::uint16_t unit = 0x3c00;
    // relative_error(x, 1) = |x - 1|, so x is recovered from both directions.
    const double above =
        deploy::relative_error(one, std::as_bytes(std::span(&rounded[i], 1)), std::as_bytes(std::span(&unit, 1)));
    CHECK(std::abs((1 - above) - static_cast<double>(exact[i])) <=
          std::ldexp(std::abs(static_cast<double>(exact[i])), -11) + 0x1p-25);
    CHECK(rounded[i] != zero);
  }
}

TEST_CASE("integers stay valid indices, bytes use their whole range") {
  for (const std::int64_t value : values<std::int64_t>(deploy::seeded_input({DataType::int64, {100}}, 1, 0, 0)))
    CHECK((value == 0 || value == 1));
  const auto bytes = values<std::uint8_t>(deploy::seeded_input({DataType::uint8, {4096}}, 1, 0, 0));
  CHECK(std::set<std::uint8_t>(bytes.begin(), bytes.end()).size() == 256);
  const auto flags = values<std::uint8_t>(deploy::seeded_input({DataType::boolean, {100}}, 1, 0, 0));
  CHECK(std::set<std::uint8_t>(flags.begin(), flags.end()) == std::set<std::uint8_t>{0, 1});
}

TEST_CASE("strings are refused") { CHECK_THROWS_AS(deploy::seeded_input({DataType::string, {1}}, 1, 0, 0), Error); }
