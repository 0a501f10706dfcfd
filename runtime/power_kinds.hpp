// The kinds of sensors, one file each. A new kind is a file, a declaration here and a line in power_sensor.cpp.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/power_sampling.hpp"
#include "runtime/power_sensor.hpp"

namespace dse::runtime {

// How much of the device a sensor sees, best first.
enum class Scope { device, rails, processor, unknown };

struct FoundSensor {
  PowerSensorFacts facts;
  Scope scope = Scope::unknown;
  std::unique_ptr<PowerSensor> sensor;  // none where it cannot be read
  std::string why_not;
};

// "FILE: what is wrong with it"
inline std::string reason(const Error& error) {
  const std::string place = error.place().to_string();
  return place.empty() ? error.message() : place + ": " + error.message();
}

// `make` makes the sensor, adding to the facts what it learns; the Error that it throws becomes `why_not`.
template <class Make>
FoundSensor found_sensor(PowerSensorFacts facts, Scope scope, const Make& make) {
  FoundSensor found{std::move(facts), scope, nullptr, ""};
  try {
    found.sensor = make(found.facts);
  } catch (const Error& error) {
    found.why_not = reason(error);
  }
  return found;
}

std::vector<FoundSensor> find_hwmon_sensors(const fs::path& root, const PowerClock& clock);
std::vector<FoundSensor> find_ina3221x_sensors(const fs::path& root, const PowerClock& clock);
std::vector<FoundSensor> find_rapl_sensors(const fs::path& root, const PowerClock& clock);
// Throws POWER-SENSOR, POWER-CSV.
std::unique_ptr<PowerSensor> open_csv_meter(const fs::path& file, const PowerClock& clock);

}  // namespace dse::runtime
