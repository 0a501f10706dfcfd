// Rails of a board and other channels of sysfs that stand beside each other: which of them are the whole, which are
// parts of others, and a sensor from those that are added up.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "runtime/power_kinds.hpp"

namespace dse::runtime {

struct ChannelChoice {
  std::vector<std::size_t> channels;  // those that are added up
  bool whole = false;                 // one rail through which the whole board is fed
};

// The rail of the whole board where there is one, else every channel that is not part of another.
ChannelChoice choose_channels(const std::vector<std::string>& labels);
// Puts the chosen labels into the facts, and "total rail VDD_IN" or "sum of 3 channels" into their source.
void describe_choice(const ChannelChoice& choice, const std::vector<std::string>& labels, PowerSensorFacts& facts);

struct Rail {
  std::string label;
  fs::path power;             // in microwatts (hwmon), or
  fs::path milliwatts;        // as NVIDIA's older kernels say it, or
  fs::path voltage, current;  // in millivolts and milliamperes
};

// facts.period_s is that with which the sensor is renewed, 0 where it does not say.
FoundSensor rails_sensor(PowerSensorFacts facts, Scope scope, const std::vector<Rail>& rails, const PowerClock& clock);

// The time after which a sensor renews what it shows, from a file in milliseconds; 0 where there is none. One that is
// too slow to be integrated throws POWER-SENSOR.
double renewal_s(const fs::path& milliseconds);

}  // namespace dse::runtime
