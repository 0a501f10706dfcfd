// What is known of a device: the profile that calibration wrote, and what validations taught.
#pragma once

#include "dse/command.hpp"

namespace dse {

// dse calibrate --show: of the profile PROFILE, or of every device of --platform.
int show_profiles(const Arguments& arguments, const Console& console);

}  // namespace dse
