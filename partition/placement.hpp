// Which device computes what of every layer: a mapping's stages as parts. Private to the room.
#pragma once

#include <cstdint>
#include <map>
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

// Channels → the multiple that their cuts keep to in a stage of these layers, where it is not 1. `multiples`: by layer,
// channel_granularity().
using Granularities = std::map<std::int64_t, std::int64_t>;
Granularities granularities(const Network& network, const std::vector<AxisRoles>& roles,
                            const std::vector<std::int64_t>& multiples, const std::vector<LayerId>& layers);

// The parts of one layer of a stage whose devices exchange their halos: then no other layer matters but for the
// granularities.
std::vector<Part> split_layer(const Network& network, const std::vector<AxisRoles>& roles, const Stage& stage,
                              LayerId layer, const Granularities& granularities);
// The parts of every layer of a split stage.
std::map<LayerId, std::vector<Part>> split_stage(const Network& network, const std::vector<AxisRoles>& roles,
                                                 const Stage& stage);

// All of a layer.
PartWork whole_work(const Network& network, LayerId layer);

// The part itself: what it computes, reads and loads.
Part make_part(const Network& network, std::size_t replica, std::size_t device, PartWork work);
// `result`: needs(network, work).
Part make_part(const Network& network, std::size_t replica, std::size_t device, PartWork work, RuleResult result);

}  // namespace dse::lowering
