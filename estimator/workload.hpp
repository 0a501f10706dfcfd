// What the estimate of a mapping is made of: what each frame does, and what each device holds. Private to the room.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "base/mix.hpp"
#include "estimator/estimate.hpp"
#include "estimator/flow.hpp"
#include "estimator/memory.hpp"
#include "partition/outline.hpp"

namespace dse {

struct DeviceWork {
  bool used = false;  // it has steps
  int threads = 1;
  DeviceMemory memory;
};

struct Workload {
  std::vector<Flow> flows;          // by replica
  std::vector<DeviceWork> devices;  // by platform device
  Tier tier = Tier::table;          // the weakest of any layer
  double uncertainty = 0;           // the layers', weighted by time
};

// What an outline's groups hold in memory, found once for all mappings that have them. Thread-safe and bounded.
class SegmentMemories {
 public:
  SegmentMemory of(const Network& network, const OutlineReplica& replica, const OutlineGroup& group);

 private:
  std::shared_mutex mutex_;
  std::unordered_map<MixedKey, SegmentMemory, MixedKey::Hash> known_;
};

void fill_workload(const Platform& platform, const Network& network, const Resources& resources, const Outline& outline,
                   SegmentMemories& memories, Workload& into);

}  // namespace dse
