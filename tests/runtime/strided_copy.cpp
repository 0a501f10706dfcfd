#include "runtime/strided_copy.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <numeric>
#include <random>

using namespace dse;
using runtime::StridedCopy;

namespace {

// Visits every element of `box`, innermost axis fastest.
template <typename Visit>
void each(const Box& box, Visit visit) {
  std::vector<std::int64_t> at = box.lo.shape();
  if (box.empty()) return;
  while (true) {
    visit(at);
    std::size_t axis = at.size();
    while (axis-- > 0) {
      if (++at[axis] < box.hi[axis]) break;
      at[axis] = box.lo[axis];
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

std::size_t index(const std::vector<std::int64_t>& at, const Box& outer) {
  std::int64_t result = 0;
  for (std::size_t axis = 0; axis < at.size(); ++axis)
    result = result * (outer.hi[axis] - outer.lo[axis]) + at[axis] - outer.lo[axis];
  return static_cast<std::size_t>(result);
}

void check_copy(const Box& box, const Box& from, const Box& to) {
  std::vector<std::int32_t> source(static_cast<std::size_t>(from.elements()));
  std::iota(source.begin(), source.end(), 1);
  std::vector<std::int32_t> got(static_cast<std::size_t>(to.elements()), 0), want = got;
  each(box, [&](const auto& at) { want[index(at, to)] = source[index(at, from)]; });
  const StridedCopy copy(box, from, to, sizeof(std::int32_t));
  CHECK(copy.bytes() == static_cast<std::size_t>(box.elements()) * sizeof(std::int32_t));
  copy.run(static_cast<const std::byte*>(static_cast<const void*>(source.data())),
           static_cast<std::byte*>(static_cast<void*>(got.data())));
  CHECK(got == want);
}

}  // namespace

TEST_CASE("boxes of any rank are copied between buffers of different boxes") {
  check_copy({{}, {}}, {{}, {}}, {{}, {}});
  check_copy({{2}, {5}}, {{0}, {6}}, {{2}, {7}});
  check_copy({{0, 1, 2}, {2, 3, 4}}, {{0, 0, 0}, {2, 4, 5}}, {{0, 1, 2}, {2, 3, 4}});
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    Box box, from, to;
    const std::size_t rank = 1 + random() % 5;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const auto pick = [&](std::int64_t most) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(most));
      };
      const std::int64_t lo = 3 + pick(2), hi = lo + 1 + pick(3);
      box.lo.push_back(lo);
      box.hi.push_back(hi);
      from.lo.push_back(lo - pick(3));
      from.hi.push_back(hi + pick(3));
      to.lo.push_back(lo - pick(3));
      to.hi.push_back(hi + pick(3));
    }
    check_copy(box, from, to);
  }
}
