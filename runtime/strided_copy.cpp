#include "runtime/strided_copy.hpp"

#include <algorithm>
#include <cstring>

namespace dse::runtime {
namespace {

std::size_t extent(const Box& box, std::size_t axis) { return static_cast<std::size_t>(box.hi[axis] - box.lo[axis]); }

}  // namespace

std::size_t offset_in(const Box& box, const Box& outer, std::size_t element_size) {
  std::size_t index = 0;
  for (std::size_t axis = 0; axis < box.lo.size(); ++axis)
    index = index * extent(outer, axis) + static_cast<std::size_t>(box.lo[axis] - outer.lo[axis]);
  return index * element_size;
}

StridedCopy::StridedCopy(const Box& box, const Box& from, const Box& to, std::size_t element_size)
    : source_offset_(offset_in(box, from, element_size)),
      target_offset_(offset_in(box, to, element_size)),
      run_bytes_(element_size),
      bytes_(static_cast<std::size_t>(box.elements()) * element_size) {
  std::size_t source_stride = element_size;
  std::size_t target_stride = element_size;
  bool joined = true;  // everything further in is one run in both buffers
  for (std::size_t axis = box.lo.size(); axis-- > 0;) {
    const std::size_t count = extent(box, axis);
    if (joined) {
      run_bytes_ *= count;
      joined = count == extent(from, axis) && count == extent(to, axis);
    } else if (count > 1) {
      loops_.push_back({static_cast<std::int64_t>(count), source_stride, target_stride});
    }
    source_stride *= extent(from, axis);
    target_stride *= extent(to, axis);
  }
  std::reverse(loops_.begin(), loops_.end());
}

void StridedCopy::run(const std::byte* source, std::byte* target) const {
  run(0, source + source_offset_, target + target_offset_);
}

void StridedCopy::run(std::size_t depth, const std::byte* source, std::byte* target) const {
  if (depth == loops_.size()) {
    std::memcpy(target, source, run_bytes_);
    return;
  }
  const Loop& loop = loops_[depth];
  for (std::int64_t i = 0; i < loop.count; ++i, source += loop.source_stride, target += loop.target_stride)
    run(depth + 1, source, target);
}

}  // namespace dse::runtime
