// What the estimate of a mapping is made of: what each frame does, and what each device holds. Private to the room.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

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
  struct Key {
    std::uint64_t first = 0, second = 0;
    bool operator==(const Key&) const = default;
  };
  struct HashOfKey {
    std::size_t operator()(const Key& key) const { return key.first; }
  };
  std::shared_mutex mutex_;
  std::unordered_map<Key, SegmentMemory, HashOfKey> known_;
};

void fill_workload(const Platform& platform, const Network& network, const Resources& resources, const Outline& outline,
                   SegmentMemories& memories, Workload& into);

}  // namespace dse
