// The closed-form period (DESIGN section 4, "Time."): what each resource is busy with for an average frame, and the
// slowest of them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "estimator/flow.hpp"

namespace dse {

struct Period {
  double seconds = 0;
  std::string bottleneck;  // "device nano0", "network lan out of nano0", "replica 1: 3 frames in flight"
  std::vector<double>
      busy;  // by resource, seconds for an average frame of the system; compute includes communication's processor time
};

// Maximum over resources of their busy time, and over flows of fraction * latency / frames in flight. `latencies`:
// one-frame latency by flow. `streaming`: by device, the factor on its compute times. `name` is false where nobody
// reads the bottleneck.
Period closed_form_period(std::span<const Flow> flows, std::span<const double> latencies, const Resources& resources,
                          std::span<const double> streaming, bool name = true);

// Of the throughput, the fraction that is left after losing the device whose loss costs most: the replicas that compute
// nothing on it go on, each at the rate that it can reach. 0 for one replica. Losing a device that only feeds or
// collects frames is not counted: that ends the service whatever the mapping.
double survivability(std::span<const Flow> flows, std::span<const double> latencies, const Resources& resources,
                     std::span<const double> streaming, double period);

}  // namespace dse
