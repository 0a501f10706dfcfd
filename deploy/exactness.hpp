// When two runs of one network count as equal: the deployed network's outputs against those of the undivided one.
//
// Errors are relative to the largest magnitude of the expected tensor. The tolerance is the larger of the base (1e-4;
// 2e-3 where half precision takes part) and four times the network's own noise, the undivided network with against
// without graph optimisation, but at most ten times the base (or what float32 resolves, where that is more).
#pragma once

#include <cstddef>
#include <span>

#include "base/tensor.hpp"
#include "program/wire.hpp"

namespace dse::deploy {

// Largest |got - want| over all elements / largest finite |want|. Infinity where a size differs, an element of `got` is
// NaN, one side is infinite and the other is not, or `want` is all zero and `got` is not. Equal infinities differ by
// nothing. Both row-major and dense, of `type`. Throws Error(internal, EXACTNESS-TYPE) for strings and complex numbers,
// which no deployed tensor has.
double relative_error(const TensorType& type, std::span<const std::byte> got, std::span<const std::byte> want);

// 2e-3 where half precision takes part, else 1e-4.
double base_tolerance(bool half_precision);
// What a shortened wire adds to it: fp16 2e-3; int8 5e-2, a choice, since nothing bounds what a network makes of it.
double base_tolerance(program::Wire wire);

// The tolerance for a tensor whose own noise is `noise` and whose largest magnitude is `magnitude`. A tensor whose
// noise asks for more than ten times the base may get more where it is tiny: the engine computes a sigmoid by adding to
// 0.5, so that far below 1 it is only as exact as float32 is near 1, absolutely. What that allows, `resolution` ÷
// magnitude, is capped at half the magnitude.
inline constexpr double resolution = 4 * 0x1p-23;
double tolerance(double base, double noise, double magnitude);

}  // namespace dse::deploy
