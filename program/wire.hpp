// How the elements of a message are written: as they are, or shorter. A choice of the mapping; exact unless said.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/tensor.hpp"

namespace dse::program {

enum class Wire {
  full,  // as in memory
  fp16,  // IEEE half precision, rounded to nearest even; what is too large becomes the largest half
  int8,  // blocks of wire_block elements in the order of packing: least value and step as float32, then a byte each
};
inline constexpr std::array<std::string_view, 3> wire_names{"full", "fp16", "int8"};
inline constexpr std::int64_t wire_block = 256;

// Only float32 is ever written shorter: True where a wire changes elements of this type.
bool shortens(Wire wire, DataType type);

// Bytes on the wire of `elements` elements of one view.
std::int64_t wire_bytes(Wire wire, DataType type, std::int64_t elements);

}  // namespace dse::program
