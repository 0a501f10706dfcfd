// All genomes of a space, or of its contiguous part.
#pragma once

#include <functional>

#include "dse/search/genome.hpp"

namespace dse::search {

// Calls `visit` with every canonical genome exactly once, until it returns false. The order depends on the space only.
// Each returns true where it came to the end.
bool for_each_genome(const Space& space, const std::function<bool(const Genome&)>& visit);
// Pipelines in which every device has at most one run of layers, all cores, and replicas of the whole network with
// every share.
bool for_each_contiguous(const Space& space, const std::function<bool(const Genome&)>& visit);

}  // namespace dse::search
