// The options that name a power sensor, for every command that reads one.
#pragma once

#include "dse/command.hpp"
#include "runtime/power_sensor.hpp"

namespace dse {

OptionSpec power_sensor_option();
OptionSpec power_root_option();

// As given, paths made absolute: what reads them may run in another folder.
runtime::PowerSensorOptions power_asked(const Arguments& arguments);

}  // namespace dse
