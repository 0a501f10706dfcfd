// Floating-point elements as they travel: program::Wire in code. The same bytes on every machine.
#pragma once

#include <cstddef>
#include <span>

#include "program/wire.hpp"

namespace dse::runtime {

// Writes wire_bytes(wire, float32, values.size()) bytes; `wire` is fp16 or int8.
//
// fp16: round to nearest even; finite values beyond the largest half become that; infinities and NaN stay.
// int8: a block's values are least + code * step with step = (largest - least) / 252 over its finite values, each
// rounded to the nearest code: the error is at most step / 2 and float32's rounding. Codes 253, 254 and 255 are
// -infinity, +infinity and NaN.
void encode(program::Wire wire, std::span<const float> values, std::byte* message);
void decode(program::Wire wire, const std::byte* message, std::span<float> values);

}  // namespace dse::runtime
