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

// Lets buffers of a lane lie in the same memory where all uses of one are certain to be over before another is written,
// whatever the devices' speed, so that nothing waits for it that would not wait anyway; `after` grows by what makes it
// safe for memory that messages are read from or written to. `lanes`: one replica's, those that have steps.
void share_memory(const std::vector<program::Lane*>& lanes);

}  // namespace dse::lowering
