// Inputs for comparisons: the same for the same (type, seed, frame, port) on every machine, different in every frame.
#pragma once

#include <cstdint>

#include "base/tensor.hpp"
#include "engine/engine.hpp"

namespace dse::deploy {

// Floating point: uniform in [-1, 1). uint8 and int8 (images, quantised data): their whole range. Booleans and wider
// integers (indices, lengths, masks): 0 or 1, so that no index leaves an axis of two or more. Throws Error(bad_input,
// INPUT-TYPE) for strings and complex numbers.
engine::OwnedTensor seeded_input(const TensorType& type, std::uint64_t seed, std::size_t frame, std::size_t port);

}  // namespace dse::deploy
