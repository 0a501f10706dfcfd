// Whether profiles of local devices were measured on the machine that this process runs on.
#pragma once

#include <string>
#include <vector>

#include "platform/platform.hpp"

namespace dse {

// What of the machine that was measured is not `here`'s, as one phrase for people; empty where nothing differs. What
// either does not know is not compared, nor is the kernel: it is updated weekly.
std::string host_difference(const HostFingerprint& measured, const HostFingerprint& here);

// The difference for a device of the platform; empty for remote ones and assumed profiles.
std::string foreign_host(const Device& device, const HostFingerprint& here);

// One line for all devices that differ alike.
std::vector<std::string> fingerprint_warnings(const Platform& platform, const HostFingerprint& here);

}  // namespace dse
