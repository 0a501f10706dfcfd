// The unbounded set of all non-dominated feasible candidates ever seen, and its hypervolume.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dse/search/genome.hpp"
#include "estimator/estimate.hpp"

namespace dse::search {

struct FrontEntry {
  Genome genome;
  std::vector<double> values;  // of the chosen objectives, to be minimised
  Estimate estimate;
  std::int64_t generation = 0;
};

// a is nowhere worse than b and somewhere better.
bool dominates(std::span<const double> a, std::span<const double> b);

class Front {
 public:
  // False where an entry is nowhere worse: of several with equal values the first stays. Removes what the new one
  // dominates.
  bool insert(FrontEntry entry);
  // What insert() would say of an entry with these values.
  bool covered(std::span<const double> values);
  const std::vector<FrontEntry>& entries() const { return entries_; }  // in order of insertion
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<FrontEntry> entries_;
  std::vector<double> values_;      // of the entries, one after another
  std::vector<std::size_t> order_;  // entries, those first that covered something lately: most candidates fall to few
};

// The share, in [0, 1], of the box between `ideal` and `reference` that the points dominate. Points that do not lie
// strictly inside the reference on every axis dominate nothing of it.
double hypervolume(std::span<const FrontEntry> points, std::span<const double> ideal,
                   std::span<const double> reference);

}  // namespace dse::search
