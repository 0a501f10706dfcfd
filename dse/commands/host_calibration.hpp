// All that this machine can find out by itself about devices that are slices of its cores.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dse/commands/device_calibration.hpp"

namespace dse {

struct HostRequest {
  std::string link_name = "local";
  std::vector<int> slices;   // numbers of cores, distinct: devices with equally many are measured once
  std::vector<int> threads;  // counts to measure; those that a slice or this machine does not have are left out; empty:
                             // 1 to the number of cores
  std::vector<int> first_two;  // cores of the first two devices: two workers exchange messages on those
  bool neighbours = false;  // there are several devices: measure two of a slice side by side where the cores allow it
  double budget_seconds = 60;  // of all slices together
  runtime::PowerSensorOptions power;
};

struct HostReport {
  std::map<int, CalibrationResult> slices;
  std::optional<LinkCalibration> link;  // between two ranks here; nothing where there is no working mpirun
};

// What cannot be measured here, and is not needed, is warned of. Throws as calibrate_device().
HostReport calibrate_host(const std::vector<Network>& networks, const HostRequest& request, Console& console);

}  // namespace dse
