// Measures this machine with dse-probe processes and makes a device profile, or a link profile, of what they report.
#pragma once

#include <string>
#include <vector>

#include "dse/command.hpp"
#include "estimator/calibration.hpp"
#include "models/network.hpp"
#include "platform/profile.hpp"

namespace dse {

struct DeviceCalibration {
  std::string name;            // of the profile
  std::vector<int> threads;    // thread counts to measure
  std::vector<int> cpus;       // processors that the device has; a probe with T threads stays on the first T
  double budget_seconds = 60;  // of the timing probes' measuring passes together
};

struct CalibrationResult {
  DeviceProfile profile;
  std::vector<HoldOut> hold_outs;
  double preempted = 0;  // fraction of samples disturbed by other processes, of the worst probe
};

// Networks must not be empty. Throws Error(device, CALIBRATE-PROBE) with what the probe said where one fails.
CalibrationResult calibrate_device(const std::vector<Network>& networks, const DeviceCalibration& device,
                                   const Console& console);

// Times of one network's plan with one number of threads.
NetworkTimes time_network(const Network& network, const CalibrationPlan& plan, int threads,
                          const DeviceCalibration& device);

struct LinkCalibration {
  LinkProfile profile;
  double mpi_bytes = 0;  // what MPI adds to a worker's resident memory
};

// Between two ranks of this machine. Same errors.
LinkCalibration calibrate_local_link(const std::string& name, const std::string& between);

// The processors that this process may use.
std::vector<int> usable_cpus();

}  // namespace dse
