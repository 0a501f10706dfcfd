// How far two tensors are apart: the one definition for workers, packages and tests.
#pragma once

#include <cstddef>
#include <span>

#include "base/tensor.hpp"

namespace dse::program {

struct Deviation {
  double difference = 0;  // largest |got - want|; infinite where one is NaN, or infinite and the other is not
  double magnitude = 0;   // largest finite |want|

  // difference / magnitude; infinite where something differs from a tensor of zeros.
  double relative() const;
};

// Both are dense elements of `type`, of equal size (else the difference is infinite). Integers that differ at all
// differ by at least 1. Throws Error(internal, EXACTNESS-TYPE) for types without an order (strings, complex numbers).
Deviation deviation(DataType type, std::span<const std::byte> got, std::span<const std::byte> want);

bool is_floating(DataType type);

// Floating point: relative() <= tolerance. Anything else must be equal.
bool within(DataType type, const Deviation& found, double tolerance);

}  // namespace dse::program
