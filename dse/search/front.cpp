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

bool Front::insert(FrontEntry entry) {
  const auto better = [&](const FrontEntry& other) { return covers(other.values, entry.values); };
  if (std::any_of(entries_.begin(), entries_.end(), better)) return false;
  std::erase_if(entries_, [&](const FrontEntry& other) { return covers(entry.values, other.values); });
  entries_.push_back(std::move(entry));
  return true;
}

}  // namespace dse::search
