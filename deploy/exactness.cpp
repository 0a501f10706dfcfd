#include "deploy/exactness.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "program/exactness.hpp"

namespace dse::deploy {

double relative_error(const TensorType& type, std::span<const std::byte> got, std::span<const std::byte> want) {
  if (want.size() != static_cast<std::size_t>(type.bytes())) return std::numeric_limits<double>::infinity();
  return program::deviation(type.type, got, want).relative();
}

double base_tolerance(bool half_precision) { return half_precision ? 2e-3 : 1e-4; }

double base_tolerance(program::Wire wire) {
  switch (wire) {
    case program::Wire::full:
      return 0;
    case program::Wire::fp16:
      return 2e-3;
    case program::Wire::int8:
      return 5e-2;
  }
  return 0;
}

double tolerance(double base, double noise, double magnitude) {
  const double cap = 10 * base;
  if (4 * noise <= cap) return std::max(base, 4 * noise);
  return magnitude > 0 ? std::max(cap, std::min(0.5, resolution / magnitude)) : cap;
}

}  // namespace dse::deploy
