// Measures the power states of this machine with dse-probe processes.
#pragma once

#include <optional>

#include "dse/commands/device_calibration.hpp"
#include "runtime/probes.hpp"

namespace dse {

// Idle, active with the device's thread counts (the chain is the load), waiting, within the budget of `device.power`.
// Nothing, with a warning, where the sensor fails in any state but waiting. Throws only for an interruption.
std::optional<PowerProfile> calibrate_power(const DeviceCalibration& device, const probes::Chain& chain,
                                            const Console& console);

// At most so many of them, the first and the last among them, evenly spread.
std::vector<int> spread_thread_counts(const std::vector<int>& threads, std::size_t most);

}  // namespace dse
