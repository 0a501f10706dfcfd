// Which steps of a frame are certain to be over when another one starts, over all devices: by `after`, and by messages.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/bit_matrix.hpp"
#include "program/program.hpp"

namespace dse::program {

// A step by its place among the lanes that were given.
struct StepPlace {
  std::size_t lane = 0;
  std::size_t step = 0;
};

// Over the lanes of one replica, at most one a device. A send is over when its memory is free again, which nobody but
// the steps behind it knows; a receive has started when it is posted.
class Precedence {
 public:
  // The lanes' indices have been checked. Steps behind a message that waits for itself (the lanes' orders of steps
  // taken together) precede nothing and nothing precedes them.
  explicit Precedence(const std::vector<const Lane*>& lanes);

  // True where `earlier` is over whenever `later` starts.
  bool before(StepPlace earlier, StepPlace later) const;
  // The step at the other end of a send's or receive's transfer; nothing where it has none.
  std::optional<StepPlace> other_end(StepPlace step) const;

 private:
  std::size_t node(StepPlace place) const { return first_[place.lane] + place.step; }
  void walk(const std::vector<const Lane*>& lanes);
  void add_predecessors(std::size_t at, std::size_t first, const std::vector<std::size_t>& after);

  std::vector<std::size_t> first_;               // by lane
  std::vector<StepPlace> place_;                 // by node
  std::vector<std::optional<std::size_t>> end_;  // by node: the other end
  std::vector<bool> receives_;                   // by node
  BitMatrix started_;                            // by node: what is over when it starts
};

}  // namespace dse::program
