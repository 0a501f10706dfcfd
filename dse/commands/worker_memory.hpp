// What a worker holds in memory beside what the calibration probes see.
#pragma once

#include "platform/profile.hpp"

namespace dse {

// Bytes, may be below 0: the zoo's smallest network is deployed to two local workers and run; their peak resident
// memory less what the profile says of them. The profile must know all else of memory, MPI included. Throws what
// deploying and launching throw, and Error(device, CALIBRATE-WORKER) where the run failed.
double worker_memory_beside(const DeviceProfile& profile);

}  // namespace dse
