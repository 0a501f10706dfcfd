// What the estimate of a mapping is made of: what each frame does, and what each device holds. Private to the room.
#pragma once

#include <vector>

#include "estimator/estimate.hpp"
#include "estimator/flow.hpp"
#include "estimator/memory.hpp"

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

}  // namespace dse
