#include "base/region.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace dse;

namespace {

using Point = std::vector<std::int64_t>;

Region random_region(std::mt19937_64& random, std::size_t rank, std::size_t boxes) {
  Boxes list(boxes);
  for (Box& box : list) {
    for (std::size_t axis = 0; axis < rank; ++axis) {
      box.lo.push_back(static_cast<std::int64_t>(random() % 6));
      box.hi.push_back(box.lo.back() + static_cast<std::int64_t>(random() % 4));
    }
  }
  return Region(list);
}

std::set<Point> points(const Region& region) {
  std::set<Point> result;
  for (const Box& box : region.boxes()) {
    Point at = box.lo.shape();
    while (true) {
      CHECK_MESSAGE(result.insert(at).second, "boxes overlap");
      std::size_t axis = at.size();
      while (axis > 0 && ++at[axis - 1] == box.hi[axis - 1]) {
        at[axis - 1] = box.lo[axis - 1];
        --axis;
      }
      if (axis == 0) break;
    }
  }
  return result;
}

}  // namespace

TEST_CASE("regions behave as sets of elements") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 400; ++round) {
    const std::size_t rank = 1 + random() % 3;
    const Region a = random_region(random, rank, 1 + random() % 3);
    const Region b = random_region(random, rank, 1 + random() % 3);
    const std::set<Point> in_a = points(a);
    const std::set<Point> in_b = points(b);
    CHECK(a.elements() == static_cast<std::int64_t>(in_a.size()));
    std::set<Point> both, either = in_a, only_a;
    either.insert(in_b.begin(), in_b.end());
    for (const Point& p : in_a) (in_b.contains(p) ? both : only_a).insert(p);
    CHECK(points(intersect(a, b)) == both);
    CHECK(points(unite(a, b)) == either);
    CHECK(points(subtract(a, b)) == only_a);
    CHECK(a.contains(b) == (both == in_b));
    CHECK(unite(a, b) == unite(b, a));
  }
}

TEST_CASE("adjacent boxes become one and a region of the whole knows it") {
  const Region halves(Boxes{Box{{0, 0}, {2, 8}}, Box{{2, 0}, {4, 8}}});
  CHECK(halves.boxes().size() == 1);
  CHECK(halves.is_whole({4, 8}));
  CHECK_FALSE(halves.is_whole({4, 9}));
  CHECK(Region::whole({}).elements() == 1);
  CHECK(Region(Box{{3}, {3}}).empty());
}

TEST_CASE("more boxes than the limit become their bounds, which still hold them all") {
  Boxes many;
  for (std::int64_t i = 0; i < 40; ++i) many.push_back(Box{{3 * i, i}, {3 * i + 1, i + 1}});
  const Region region(many);
  CHECK(region.boxes().size() == 1);
  CHECK(region.bounds() == Box{{0, 0}, {118, 40}});
}
