// Values that no mapping of the space can beat, objective by objective, under the estimator's own model: how far the
// front can be from perfect, and the corner that the hypervolume is measured from.
//
//   period       the linear programme that spreads every layer over the devices in any fractions, each at the best rate
//                of the whole and of the parts that the space allows, bounded from below by its dual:
//                for any weights y >= 0 with sum 1, period >= sum over layers of min over devices of y[d] *
//                seconds[l][d]
//   latency      the same for one frame; where no layer is split, also the longest path through the network, every
//   layer
//                at its fastest
//   energy-sum   every layer at its cheapest, and one device's idle power for the least period
//   energy-max   that, spread evenly over all devices; or the linear programme with the joules of computing for seconds
//   memory-max   the least M at which the devices together have room for every weight once
//   devices      1; survivability: all of it
#pragma once

#include <span>
#include <vector>

#include "dse/search/genome.hpp"
#include "estimator/estimate.hpp"

namespace dse::search {

// In the objectives' minimised form (survivability negated).
std::vector<double> lower_bounds(const Estimator& estimator, const Space& space, std::span<const Objective> objectives);

// The dual bound for seconds[device][layer], improved by multiplicative weights; every iterate is a valid bound.
double period_bound(const std::vector<std::vector<double>>& seconds);

}  // namespace dse::search
