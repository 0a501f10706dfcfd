// Regions: normalised sets of disjoint half-open boxes over a tensor's own axes, any rank.
#pragma once

#include <boost/container/small_vector.hpp>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/coordinates.hpp"
#include "base/tensor.hpp"

namespace dse {

// lo[a] <= x[a] < hi[a] on every axis. A rank-0 box holds the one element of a scalar.
struct Box {
  Coordinates lo;
  Coordinates hi;

  static Box whole(const Shape& shape);
  std::int64_t elements() const;
  bool empty() const;
  Shape extents() const;
  bool contains(const Box& other) const;
  bool operator==(const Box&) const = default;
  std::strong_ordering operator<=>(const Box&) const = default;
};

Box intersect(const Box& a, const Box& b);
Box hull(const Box& a, const Box& b);  // the least box that holds both

using Boxes = boost::container::small_vector<Box, 1>;

// Normal form: no empty boxes, disjoint, sorted, and unique: equal sets have equal lists of boxes. More than
// `max_boxes` boxes become their bounding box (which may then hold elements that were in none of them: a region only
// ever grows by it).
class Region {
 public:
  static constexpr std::size_t max_boxes = 16;

  Region() = default;
  explicit Region(Box box);
  explicit Region(const Boxes& boxes);
  static Region whole(const Shape& shape) { return Region(Box::whole(shape)); }

  const Boxes& boxes() const { return boxes_; }
  bool empty() const { return boxes_.empty(); }
  std::int64_t elements() const;
  Box bounds() const;  // of a non-empty region
  bool contains(const Region& other) const;
  bool is_whole(const Shape& shape) const;
  bool operator==(const Region&) const = default;
  friend Region unite(const Region& a, const Region& b);
  friend Region intersect(const Region& a, const Region& b);
  friend Region subtract(const Region& a, const Region& b);

 private:
  Boxes boxes_;
};

Region unite(const Region& a, const Region& b);
Region intersect(const Region& a, const Region& b);
Region subtract(const Region& a, const Region& b);
std::string to_string(const Region& region);  // "[0:1,0:64,0:28,0:56]" joined by " "

}  // namespace dse
