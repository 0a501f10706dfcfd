// Which of a lane's blocks of memory a buffer is put into.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dse {

// The smallest block that is free and large enough, else the largest that is free; blocks.size() where none is free.
// Blocks have `bytes`; is_free(i): whether all uses of what lies in block i are over before the buffer is written.
template <class Blocks, class IsFree>
std::size_t choose_block(const Blocks& blocks, std::int64_t bytes, const IsFree& is_free) {
  std::size_t best = blocks.size();
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::int64_t has = blocks[i].bytes;
    const bool fits = has >= bytes;
    const bool better = best == blocks.size() || (fits ? blocks[best].bytes < bytes || has < blocks[best].bytes
                                                       : blocks[best].bytes < bytes && has > blocks[best].bytes);
    if (better && is_free(i)) best = i;
  }
  return best;
}

}  // namespace dse
