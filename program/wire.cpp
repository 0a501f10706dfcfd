#include "program/wire.hpp"

namespace dse::program {

bool shortens(Wire wire, DataType type) { return wire != Wire::full && type == DataType::float32; }

std::int64_t wire_bytes(Wire wire, DataType type, std::int64_t elements) {
  constexpr std::int64_t header = 2 * sizeof(float);
  if (!shortens(wire, type)) return elements * static_cast<std::int64_t>(element_size(type));
  if (wire == Wire::fp16) return 2 * elements;
  return elements + (elements + wire_block - 1) / wire_block * header;
}

}  // namespace dse::program
