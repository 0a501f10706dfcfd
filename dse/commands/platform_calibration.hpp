// Every device of a platform calibrated, wherever it is, and the networks between them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dse/commands/host_calibration.hpp"
#include "platform/platform.hpp"

namespace dse {

struct PlatformCalibrationOptions {
  fs::path folder;             // for the profiles; made where it does not exist
  std::vector<int> threads;    // HostRequest::threads
  double budget_seconds = 60;  // a host
  runtime::PowerSensorOptions power;
  std::string program;  // dse, on other hosts
};

struct DeviceFile {
  fs::path path;
  CalibrationResult result;
};

struct PlatformCalibration {
  std::map<std::string, DeviceFile> devices;    // by name; written
  std::map<std::string, std::string> failures;  // hosts that could not be calibrated, and why
};

// Writes <device>.yaml for each device, network.yaml for what this machine's ranks exchange messages by,
// network-<name>.yaml for networks with other hosts, and platform.yaml, the platform with these profiles. Where one of
// several hosts fails while it is measured, the others are written all the same. Throws Error(device, CALIBRATE-REMOTE)
// where a host cannot be reached, before anything is measured, and what the first one threw where all failed.
PlatformCalibration calibrate_platform(const Platform& platform, const std::vector<Network>& networks,
                                       const PlatformCalibrationOptions& options, Console& console);

// Throws Error(io, FILE-WRITE) now, not after minutes of measuring.
void check_writable(const fs::path& folder);

}  // namespace dse
