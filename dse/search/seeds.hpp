// Where the search starts: points that are good or extreme by construction.
#pragma once

#include <cstdint>
#include <vector>

#include "dse/search/genome.hpp"
#include "dse/search/rng.hpp"
#include "estimator/chain.hpp"

namespace dse::search {

// At most `limit` distinct canonical genomes, the most useful ones first:
//   every single device; replicas on the k fastest devices, with shares in proportion to their speed and with equal
//   ones; the best contiguous pipelines for period and for latency over the orders of the devices, and their neighbours
//   with one cut moved; for two devices every cut in both orders; replicas of pipelines; every way to split the whole
//   network or its first layers over the fastest k devices; random contiguous pipelines up
//   to `fill` genomes in all.
std::vector<Genome> seeds(const Space& space, const ChainCosts& costs, std::size_t fill, std::size_t limit,
                          std::uint64_t seed);

// A random contiguous pipeline, replicas of the whole network, or replicas of pipelines.
Genome random_genome(const Space& space, Rng& rng);

// Integer shares in [1, max_share] for which the largest of share * seconds, a frame of the system, is least.
std::vector<std::int64_t> balanced_shares(const std::vector<double>& seconds, std::int64_t max_share);

}  // namespace dse::search
