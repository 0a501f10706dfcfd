// The steps of lower(), private to the room: placement → holdings and transfers → segments → programs, one replica at a
// time.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/bit_matrix.hpp"
#include "models/network.hpp"
#include "partition/holdings.hpp"
#include "partition/plan.hpp"

namespace dse::lowering {

constexpr std::size_t nobody = static_cast<std::size_t>(-1);

// Parts of one device that will be one sub-model, as indices into the replica's parts, ascending.
struct Group {
  std::size_t device = 0;
  std::vector<std::size_t> parts;
};

// What grouping asks of a part.
struct PartFacts {
  std::size_t device = 0;
  double work = 0;   // arithmetic operations
  double bytes = 0;  // of its results
};

PartFacts facts_of(const Network& network, const Part& part);

// A part that another one depends on, by index.
struct Source {
  std::size_t part = 0;
  bool meets = false;  // the reader needs more of the value than this part, on its own device, makes
};

// By part: its sources, ascending.
class Sources {
 public:
  void clear() {
    first_.assign(1, 0);
    items_.clear();
  }
  // Those of the next part, in any order; a source that is named twice meets if it does once.
  void add(std::span<Source> of_part);
  std::span<const Source> of(std::size_t part) const {
    return std::span(items_).subspan(first_[part], first_[part + 1] - first_[part]);
  }

 private:
  std::vector<std::size_t> first_{0};
  std::vector<Source> items_;
};

// Groups the parts of one replica. The graph of groups is acyclic.
std::vector<Group> group_parts(const std::vector<PartFacts>& parts, const Sources& sources);

// The segments in a topological order, the one with the earliest part first among those that are ready.
std::vector<std::size_t> order_groups(const std::vector<Group>& groups, const std::vector<std::size_t>& group_of,
                                      const Sources& sources);

// What decides which message a delivery is part of.
struct DeliveryFacts {
  std::size_t maker = nobody;         // the group that makes it; nobody: it enters the network
  std::size_t to = 0;                 // device
  std::size_t first_reader = nobody;  // as a position in the order of the groups; nobody: it leaves the network there
  Wire wire = Wire::full;
};

// By delivery, its message: deliveries that one segment makes and one segment reads first, over the same wire, travel
// as one. What enters the network or is first read as its output travels by itself. Messages are numbered by their
// first deliveries.
std::vector<std::size_t> merge_deliveries(const std::vector<DeliveryFacts>& deliveries);

// The largest number of times that one frame passes from one set of devices to another, one after another: a split
// stage, whose devices exchange among themselves, is one set.
std::size_t crossings(const Network& network, const Platform& platform, const ReplicaMapping& replica);

// Lets buffers of a lane lie in the same memory where all uses of one are certain to be over before another is written,
// whatever the devices' speed, so that nothing waits for it that would not wait anyway; `after` grows by what makes it
// safe for memory that messages are read from or written to. `lanes`: one replica's, those that have steps.
void share_memory(const std::vector<program::Lane*>& lanes);

}  // namespace dse::lowering
