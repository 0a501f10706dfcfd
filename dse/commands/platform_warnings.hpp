// What there is to say against a platform before anything is estimated on it.
#pragma once

#include <string>
#include <vector>

#include "dse/command.hpp"
#include "platform/platform.hpp"

namespace dse {

// This machine, with the version of the engine where a local device's profile names one.
HostFingerprint host_of(const Platform& platform);

// What the reader noticed, and profiles of local devices that were measured on another machine.
std::vector<std::string> platform_warnings(const Platform& platform);
void warn_of_platform(const Platform& platform, const Console& console);

}  // namespace dse
