// What computing beside another device of the same host, and with it, adds to what calibration measures of a device
// that has the machine to itself.
#pragma once

#include <vector>

#include "dse/command.hpp"
#include "models/network.hpp"
#include "platform/profile.hpp"

namespace dse {

// Sets the profile's streaming and split factors and its seconds an exchange: some of the networks are deployed to two
// local workers with so many cores each - in two stages, split by channels, and split by rows - and their run steps'
// times and latencies are compared with the estimates. The profile must know all else of times. Throws what deploying
// and launching throw, Error(interrupted), and Error(device, CALIBRATE-WORKER) where a run failed.
void calibrate_pair(const std::vector<Network>& networks, int cores, DeviceProfile& profile);

}  // namespace dse
