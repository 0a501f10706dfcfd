#include "base/region.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace dse {
namespace {

// a minus b as disjoint boxes, cutting off one side of one axis at a time.
void append_difference(Box a, const Box& b, Boxes& out) {
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

// The canonical decomposition: the boxes are cut into slabs at every border on `axis`, each slab is decomposed over the
// axes that follow, and neighbouring slabs with equal decompositions become one. Equal sets of elements get equal lists
// of boxes.
void append_canonical(const std::vector<const Box*>& boxes, std::size_t axis, Box& prefix, Boxes& out) {
  if (axis == prefix.lo.size()) {
    out.push_back(prefix);
    return;
  }
  std::vector<std::int64_t> borders;
  for (const Box* box : boxes) {
    borders.push_back(box->lo[axis]);
    borders.push_back(box->hi[axis]);
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  std::size_t slab_begin = out.size();  // of the slab before, which the next may be merged into
  std::size_t slab_end = slab_begin;
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    std::vector<const Box*> covering;
    for (const Box* box : boxes)
      if (box->lo[axis] <= borders[i] && box->hi[axis] >= borders[i + 1]) covering.push_back(box);
    if (covering.empty()) continue;
    prefix.lo[axis] = borders[i];
    prefix.hi[axis] = borders[i + 1];
    const std::size_t begin = out.size();
    append_canonical(covering, axis + 1, prefix, out);
    const bool adjacent = slab_end > slab_begin && out[slab_begin].hi[axis] == borders[i];
    const auto same_beyond = [&](const Box& a, const Box& b) {
      return std::equal(a.lo.begin() + static_cast<std::ptrdiff_t>(axis) + 1, a.lo.end(),
                        b.lo.begin() + static_cast<std::ptrdiff_t>(axis) + 1) &&
             std::equal(a.hi.begin() + static_cast<std::ptrdiff_t>(axis) + 1, a.hi.end(),
                        b.hi.begin() + static_cast<std::ptrdiff_t>(axis) + 1);
    };
    const auto at = [&](std::size_t index) { return out.begin() + static_cast<std::ptrdiff_t>(index); };
    if (adjacent && std::equal(at(slab_begin), at(slab_end), at(begin), out.end(), same_beyond)) {
      for (std::size_t k = slab_begin; k < slab_end; ++k) out[k].hi[axis] = borders[i + 1];
      out.resize(begin);
    } else {
      slab_begin = begin;
      slab_end = out.size();
    }
  }
}

// Two boxes that are one together, or of which one holds the other: by far the most frequent case.
std::optional<Box> joined(const Box& a, const Box& b) {
  if (a.contains(b)) return a;
  if (b.contains(a)) return b;
  std::optional<std::size_t> differs;
  for (std::size_t axis = 0; axis < a.lo.size(); ++axis) {
    if (a.lo[axis] == b.lo[axis] && a.hi[axis] == b.hi[axis]) continue;
    const bool touch = a.lo[axis] <= b.hi[axis] && b.lo[axis] <= a.hi[axis];
    if (differs || !touch) return std::nullopt;
    differs = axis;
  }
  return hull(a, b);
}

Boxes canonical(const Boxes& boxes) {
  std::vector<const Box*> filled;
  for (const Box& box : boxes)
    if (!box.empty()) filled.push_back(&box);
  if (filled.empty()) return {};
  if (filled.size() == 1) return {*filled.front()};
  if (filled.size() == 2)
    if (const std::optional<Box> box = joined(*filled[0], *filled[1])) return {*box};
  Boxes out;
  Box prefix = *filled.front();
  append_canonical(filled, 0, prefix, out);
  return out;
}

Box bounds_of(const Boxes& boxes) {
  Box bounds = boxes.front();
  for (std::size_t i = 1; i < boxes.size(); ++i) bounds = hull(bounds, boxes[i]);
  return bounds;
}

}  // namespace

Box Box::whole(const Shape& shape) { return {Coordinates(shape.size(), 0), shape}; }

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

Box hull(const Box& a, const Box& b) {
  Box result = a;
  for (std::size_t axis = 0; axis < a.lo.size(); ++axis) {
    result.lo[axis] = std::min(a.lo[axis], b.lo[axis]);
    result.hi[axis] = std::max(a.hi[axis], b.hi[axis]);
  }
  return result;
}

Region::Region(Box box) {
  if (!box.empty()) boxes_.push_back(std::move(box));
}

Region::Region(const Boxes& boxes) : boxes_(canonical(boxes)) {
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
  if (a.empty() || a == b) return b;
  if (b.empty()) return a;
  if (a.boxes_.size() == 1 && b.boxes_.size() == 1)
    if (std::optional<Box> box = joined(a.boxes_[0], b.boxes_[0])) return Region(std::move(*box));
  Boxes boxes = a.boxes();
  boxes.insert(boxes.end(), b.boxes().begin(), b.boxes().end());
  return Region(boxes);
}

Region intersect(const Region& a, const Region& b) {
  if (a.boxes_.size() == 1 && b.boxes_.size() == 1) return Region(intersect(a.boxes_[0], b.boxes_[0]));
  Boxes boxes;
  for (const Box& x : a.boxes())
    for (const Box& y : b.boxes()) boxes.push_back(intersect(x, y));
  return Region(boxes);
}

Region subtract(const Region& a, const Region& b) {
  if (b.empty()) return a;
  if (b.boxes_.size() == 1 &&
      std::all_of(a.boxes_.begin(), a.boxes_.end(), [&](const Box& box) { return b.boxes_[0].contains(box); }))
    return {};
  Boxes rest = a.boxes();
  for (const Box& removed : b.boxes()) {
    Boxes next;
    for (Box& piece : rest) append_difference(std::move(piece), removed, next);
    rest = std::move(next);
  }
  return Region(rest);
}

std::string to_string(const Region& region) {
  std::string text;
  for (const Box& box : region.boxes()) {
    text += text.empty() ? "[" : " [";
    for (std::size_t axis = 0; axis < box.lo.size(); ++axis)
      text += fmt::format("{}{}:{}", axis == 0 ? "" : ",", box.lo[axis], box.hi[axis]);
    text += "]";
  }
  return text;
}

}  // namespace dse
