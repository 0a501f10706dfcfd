#include "base/region.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dse {
namespace {

// a minus b as disjoint boxes, cutting off one side of one axis at a time.
void append_difference(Box a, const Box& b, std::vector<Box>& out) {
  if (intersect(a, b).empty()) {
    out.push_back(std::move(a));
    return;
  }
  for (std::size_t axis = 0; axis < a.lo.size(); ++axis) {
    if (a.lo[axis] < b.lo[axis]) {
      out.push_back(a);
      out.back().hi[axis] = b.lo[axis];
      a.lo[axis] = b.lo[axis];
    }
    if (b.hi[axis] < a.hi[axis]) {
      out.push_back(a);
      out.back().lo[axis] = b.hi[axis];
      a.hi[axis] = b.hi[axis];
    }
  }
}

// Merges b into a where their union is one box.
bool merge_adjacent(Box& a, const Box& b) {
  std::size_t differing = a.lo.size();
  for (std::size_t axis = 0; axis < a.lo.size(); ++axis) {
    if (a.lo[axis] == b.lo[axis] && a.hi[axis] == b.hi[axis]) continue;
    if (differing != a.lo.size()) return false;
    differing = axis;
  }
  if (differing == a.lo.size()) return true;
  if (a.hi[differing] == b.lo[differing]) a.hi[differing] = b.hi[differing];
  else if (b.hi[differing] == a.lo[differing]) a.lo[differing] = b.lo[differing];
  else return false;
  return true;
}

void merge_all(std::vector<Box>& boxes) {
  for (bool merged = true; merged;) {
    merged = false;
    std::sort(boxes.begin(), boxes.end());
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      for (std::size_t j = i + 1; j < boxes.size();) {
        if (merge_adjacent(boxes[i], boxes[j])) {
          boxes.erase(boxes.begin() + static_cast<std::ptrdiff_t>(j));
          merged = true;
        } else {
          ++j;
        }
      }
    }
  }
}

Box bounds_of(const std::vector<Box>& boxes) {
  Box bounds = boxes.front();
  for (const Box& box : boxes) {
    for (std::size_t axis = 0; axis < bounds.lo.size(); ++axis) {
      bounds.lo[axis] = std::min(bounds.lo[axis], box.lo[axis]);
      bounds.hi[axis] = std::max(bounds.hi[axis], box.hi[axis]);
    }
  }
  return bounds;
}

// Disjoint boxes covering the same elements.
std::vector<Box> disjoint(std::vector<Box> boxes) {
  std::vector<Box> result;
  for (Box& box : boxes) {
    if (box.empty()) continue;
    std::vector<Box> rest{std::move(box)};
    for (const Box& kept : result) {
      std::vector<Box> next;
      for (Box& piece : rest) append_difference(std::move(piece), kept, next);
      rest = std::move(next);
    }
    result.insert(result.end(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  }
  return result;
}

}  // namespace

Box Box::whole(const Shape& shape) { return {std::vector<std::int64_t>(shape.size(), 0), shape}; }

std::int64_t Box::elements() const {
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < lo.size(); ++axis) count *= std::max<std::int64_t>(0, hi[axis] - lo[axis]);
  return count;
}

bool Box::empty() const {
  for (std::size_t axis = 0; axis < lo.size(); ++axis)
    if (hi[axis] <= lo[axis]) return true;
  return false;
}

Shape Box::extents() const {
  Shape shape(lo.size());
  for (std::size_t axis = 0; axis < lo.size(); ++axis) shape[axis] = hi[axis] - lo[axis];
  return shape;
}

bool Box::contains(const Box& other) const {
  for (std::size_t axis = 0; axis < lo.size(); ++axis)
    if (other.lo[axis] < lo[axis] || other.hi[axis] > hi[axis]) return false;
  return true;
}

Box intersect(const Box& a, const Box& b) {
  Box result = a;
  for (std::size_t axis = 0; axis < a.lo.size(); ++axis) {
    result.lo[axis] = std::max(a.lo[axis], b.lo[axis]);
    result.hi[axis] = std::min(a.hi[axis], b.hi[axis]);
  }
  return result;
}

Region::Region(Box box) {
  if (!box.empty()) boxes_.push_back(std::move(box));
}

Region::Region(std::vector<Box> boxes) : boxes_(disjoint(std::move(boxes))) {
  merge_all(boxes_);
  if (boxes_.size() > max_boxes) boxes_ = {bounds_of(boxes_)};
}

std::int64_t Region::elements() const {
  std::int64_t count = 0;
  for (const Box& box : boxes_) count += box.elements();
  return count;
}

Box Region::bounds() const { return bounds_of(boxes_); }

bool Region::contains(const Region& other) const { return subtract(other, *this).empty(); }

bool Region::is_whole(const Shape& shape) const { return boxes_.size() == 1 && boxes_.front() == Box::whole(shape); }

Region unite(const Region& a, const Region& b) {
  std::vector<Box> boxes = a.boxes();
  boxes.insert(boxes.end(), b.boxes().begin(), b.boxes().end());
  return Region(std::move(boxes));
}

Region intersect(const Region& a, const Region& b) {
  std::vector<Box> boxes;
  for (const Box& x : a.boxes())
    for (const Box& y : b.boxes()) boxes.push_back(intersect(x, y));
  return Region(std::move(boxes));
}

Region subtract(const Region& a, const Region& b) {
  std::vector<Box> rest = a.boxes();
  for (const Box& removed : b.boxes()) {
    std::vector<Box> next;
    for (Box& piece : rest) append_difference(std::move(piece), removed, next);
    rest = std::move(next);
  }
  return Region(std::move(rest));
}

std::string to_string(const Region& region) {
  std::string text;
  for (const Box& box : region.boxes()) {
    text += text.empty() ? "[" : " [";
    for (std::size_t axis = 0; axis < box.lo.size(); ++axis) text += fmt::format("{}{}:{}", axis == 0 ? "" : ",", box.lo[axis], box.hi[axis]);
    text += "]";
  }
  return text;
}

}  // namespace dse
