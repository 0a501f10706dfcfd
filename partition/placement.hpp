// Which device computes what of every layer: a mapping's stages as parts. Private to the room.
#pragma once

#include <vector>

#include "models/network.hpp"
#include "partition/mapping.hpp"
#include "partition/plan.hpp"
#include "partition/roles.hpp"

namespace dse::lowering {

// The parts of one replica, by layer, then partial results before sums, then by device as the stage lists them. Regions
// of every value together cover what its readers need. `replica` is noted in the parts.
std::vector<Part> place_parts(const Network& network, const std::vector<AxisRoles>& roles,
                              const ReplicaMapping& mapping, std::size_t replica);

// All of a layer.
PartWork whole_work(const Network& network, LayerId layer);

// The part itself: what it computes, reads and loads.
Part make_part(const Network& network, std::size_t replica, std::size_t device, PartWork work);
// `result`: needs(network, work).
Part make_part(const Network& network, std::size_t replica, std::size_t device, PartWork work, RuleResult result);

}  // namespace dse::lowering
