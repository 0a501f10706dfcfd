// Random mappings for property tests. Deterministic in the generator they are given.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "models/network.hpp"
#include "partition/mapping.hpp"

namespace dse::test {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit);

// `stages` contiguous stages on different devices in a random order.
Mapping random_contiguous(const Network& network, std::size_t stages, std::size_t devices, Random& random);

// Any layer on any of `devices`: runs of layers of a random mean length, so that branches meet on different devices,
// cuts cross skips and layers return to an earlier device.
Mapping random_free(const Network& network, std::size_t devices, Random& random);

// One to three replicas with random shares, each a random mapping of its own over all devices.
Mapping random_replicas(const Network& network, std::size_t devices, Random& random);

// Contiguous stages of random lengths, each on a random set of devices and split in a random way with random shares.
ReplicaMapping random_hybrid(const Network& network, std::size_t devices, Random& random);
// One or two replicas of them.
Mapping random_hybrids(const Network& network, std::size_t devices, Random& random);

// The pure strategies and two hybrids over the first `devices` devices, with the shares given (empty: equal).
struct NamedMapping {
  std::string name;
  Mapping mapping;
};
std::vector<NamedMapping> strategies(const Network& network, std::size_t devices,
                                     const std::vector<std::int64_t>& shares);

}  // namespace dse::test
