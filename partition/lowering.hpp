// The steps of lower(), private to the room: placement → holdings and transfers → segments → programs, one replica at a
// time.
#pragma once

#include <cstddef>
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

// Groups the parts of one replica; sources[part]: the parts that it depends on, by index. The graph of groups is
// acyclic.
std::vector<Group> group_parts(const Network& network, const std::vector<Part>& parts,
                               const std::vector<std::vector<std::size_t>>& sources);

// The segments in a topological order, the one with the earliest part first among those that are ready.
std::vector<std::size_t> order_groups(const std::vector<Group>& groups, const std::vector<std::size_t>& group_of,
                                      const std::vector<std::vector<std::size_t>>& sources);

// Deliveries, by index, that travel as one message: those that one segment makes and one segment reads first, over the
// same wire. What enters the network or is first read as its output travels by itself.
std::vector<std::vector<std::size_t>> merge_deliveries(Holdings& holdings, const std::vector<Part>& parts,
                                                       std::size_t first_part, const std::vector<std::size_t>& group_of,
                                                       const std::vector<std::size_t>& order);

// The largest number of times that one frame passes from one set of devices to another, one after another: a split
// stage, whose devices exchange among themselves, is one set.
std::size_t crossings(const Network& network, const Platform& platform, const ReplicaMapping& replica);

// Lets buffers of a lane lie in the same memory where all uses of one are certain to be over before another is written,
// whatever the devices' speed, so that nothing waits for it that would not wait anyway; `after` grows by what makes it
// safe for memory that messages are read from or written to. `lanes`: one replica's, those that have steps.
void share_memory(const std::vector<program::Lane*>& lanes);

}  // namespace dse::lowering
