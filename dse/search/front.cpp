#include "dse/search/front.hpp"

#include <algorithm>

namespace dse::search {
namespace {

bool covers(std::span<const double> a, std::span<const double> b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
  }
  return true;
}

}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b) {
  return covers(a, b) && !std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool Front::covered(std::span<const double> values) {
  const std::size_t width = values.size();
  for (std::size_t i = 0; i < order_.size(); ++i) {
    if (!covers({values_.data() + order_[i] * width, width}, values)) continue;
    std::swap(order_[i], order_[i / 2]);
    return true;
  }
  return false;
}

bool Front::insert(FrontEntry entry) {
  if (covered(entry.values)) return false;
  const auto fell = [&](const FrontEntry& other) { return covers(entry.values, other.values); };
  if (std::erase_if(entries_, fell) > 0) {
    values_.clear();
    order_.clear();
    for (const FrontEntry& left : entries_) {
      order_.push_back(order_.size());
      values_.insert(values_.end(), left.values.begin(), left.values.end());
    }
  }
  order_.push_back(entries_.size());
  values_.insert(values_.end(), entry.values.begin(), entry.values.end());
  entries_.push_back(std::move(entry));
  return true;
}

}  // namespace dse::search
