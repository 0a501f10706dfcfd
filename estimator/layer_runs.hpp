// Pipelines of whole layers, as runs of consecutive layers: the mappings that a search asks for most, and the shortest
// way to say them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "partition/mapping.hpp"

namespace dse {

struct LayerRun {
  LayerId first = 0, end = 0;  // first <= layer < end
  std::size_t device = 0;
  int threads = 0;  // 0: the device's cores; one number for all runs of a device
  Wire wire = Wire::full;
};

struct ReplicaRuns {
  std::int64_t share = 1;
  // One after another from layer 0 to the network's last; neighbours are on different devices. A device may return.
  std::vector<LayerRun> runs;
};

// The mapping that the replicas stand for: runs of one device are one stage.
Mapping to_mapping(std::span<const ReplicaRuns> replicas);

}  // namespace dse
