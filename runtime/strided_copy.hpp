// Copies one box of a tensor between two dense buffers that hold different boxes of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/region.hpp"

namespace dse::runtime {

class StridedCopy {
 public:
  // `box` lies inside `from` and `to`, the boxes that the two buffers hold (row-major, dense).
  StridedCopy(const Box& box, const Box& from, const Box& to, std::size_t element_size);
  // `source` and `target` are the buffers' first bytes.
  void run(const std::byte* source, std::byte* target) const;
  std::size_t bytes() const { return bytes_; }

 private:
  struct Loop {
    std::int64_t count = 0;
    std::size_t source_stride = 0;  // bytes
    std::size_t target_stride = 0;
  };
  void run(std::size_t depth, const std::byte* source, std::byte* target) const;

  std::size_t source_offset_ = 0;
  std::size_t target_offset_ = 0;
  std::size_t run_bytes_ = 0;  // contiguous in both
  std::size_t bytes_ = 0;
  std::vector<Loop> loops_;  // outermost first
};

// Byte offset of a box's first element inside a buffer that holds `outer`.
std::size_t offset_in(const Box& box, const Box& outer, std::size_t element_size);

}  // namespace dse::runtime
