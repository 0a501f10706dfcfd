// Measures this machine with dse-probe processes and makes a device profile, or a link profile, of what they report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dse/command.hpp"
#include "estimator/calibration.hpp"
#include "models/network.hpp"
#include "platform/profile.hpp"
#include "runtime/power_sensor.hpp"
#include "runtime/probes.hpp"

namespace dse {

struct PowerCalibration {
  runtime::PowerSensorOptions sensor;
  double budget_seconds = 40;  // of all states together
};

struct DeviceCalibration {
  std::string name;            // of the profile
  std::vector<int> threads;    // thread counts to measure
  std::vector<int> cpus;       // processors that the device has; a probe with T threads stays on the first T
  double budget_seconds = 60;  // of the timing probes' measuring passes together
  std::optional<PowerCalibration> power = {};  // where there is a sensor
};

struct CalibrationResult {
  DeviceProfile profile;
  std::vector<HoldOut> hold_outs;
  double preempted = 0;    // fraction of samples disturbed by other processes, of the worst probe
  double over_budget = 0;  // under a processor quota: what measuring took as a multiple of its budget; 0: no quota
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
// cpus: by rank, the processors that its worker will have; empty: all.
LinkCalibration calibrate_local_link(const std::string& name, const std::string& between,
                                     const std::vector<std::vector<int>>& cpus);
// What a link probe is asked for, and what is known once it has answered.
probes::LinkRequest link_request(const std::vector<std::vector<int>>& cpus);
LinkCalibration link_calibration(const std::string& name, const std::string& between, const probes::LinkReport& report);

// Runs a dse-probe of that kind, or so many of them as ranks of an MPI job, and returns what it printed. Errors as
// above.
std::string run_probe(const std::string& kind, const std::string& request, double expected_seconds);
std::string run_ranked_probe(int ranks, const std::string& kind, const std::string& request, double expected_seconds);

// The processors that this process may use.
std::vector<int> usable_cpus();

}  // namespace dse
