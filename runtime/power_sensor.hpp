// Energy that this device takes, from whatever sensor it has, behind one interface.
//
//   auto        the first of those below that can be read, best scope first (see list_power_sensors); none if there is
//               none
//   hwmon       <root>/sys/class/hwmon (kernel: Documentation/hwmon/sysfs-interface.rst, hwmon/ina3221.rst), or the
//               layout of NVIDIA's older kernels, <root>/sys/bus/i2c/drivers/ina3221x
//   rapl        <root>/sys/class/powercap/intel-rapl:* (kernel: Documentation/power/powercap/powercap.rst); of the
//               processor and its memory only, not of the whole device
//   csv:FILE    a file that another program appends `timestamp_s,watts` lines to (see runtime/power_csv.cpp)
//   none        no sensor: measurements give no value
//
// Units are seconds, watts and joules. Sensors that give watts are sampled by a thread of their own, 400 times a second
// where they are renewed that often, and integrated by trapezoid: a reading a second errs by up to 80 %.
//
// Everything read is untrusted text. Errors are Error with
//   POWER-SENSOR  unknown kind (usage); nothing found, or a file that cannot be read (device)
//   POWER-VALUE   text that is no number, or one that no device gives (device)
//   POWER-CSV     a line that is not `timestamp_s,watts` (bad_input, file:line)
//   POWER-COVER   the meter's file does not cover the measurement (device)
//   POWER-SPARSE  too few samples of power, or too far apart, to be integrated (device)
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "runtime/power_clock.hpp"

namespace dse::runtime {

// What a number that a sensor gave should be stored with.
struct PowerSensorFacts {
  std::string kind;                   // hwmon, rapl, csv, none
  std::string source;                 // one line: which files, and what of the device they measure
  std::vector<std::string> channels;  // those that are added up
  double period_s = 0;                // between two samples; 0: given by the sensor's own file, or no sensor
  bool counter = false;               // joules are counted by the hardware; else watts are sampled here and integrated
};

struct EnergyReading {
  double joules = 0;
  double seconds = 0;        // from start() to stop()
  std::size_t samples = 0;   // readings in that time
  double longest_gap_s = 0;  // between two of them
};

// One measurement at a time, used from one thread. start() again begins anew.
class PowerSensor {
 public:
  explicit PowerSensor(PowerSensorFacts facts) : facts_(std::move(facts)) {}
  virtual ~PowerSensor() = default;
  PowerSensor(const PowerSensor&) = delete;
  PowerSensor& operator=(const PowerSensor&) = delete;

  const PowerSensorFacts& facts() const { return facts_; }
  virtual void start() = 0;
  // What was taken since start(); nothing where there is no sensor. Throws what went wrong in between.
  virtual std::optional<EnergyReading> stop() = 0;

 private:
  PowerSensorFacts facts_;
};

struct PowerSensorOptions {
  std::string kind = "auto";  // as above
  fs::path root = "/";        // of the tree that holds sys/
  PowerClock clock = PowerClock::real();
};

// `kind` as it is; throws POWER-SENSOR (usage) for one that there is not.
std::string checked_power_kind(const std::string& kind);

// `auto` that finds nothing is `none`, and its source says why; the other kinds throw. Takes one reading of every
// channel, so that what cannot be read is known before a long run.
std::unique_ptr<PowerSensor> open_power_sensor(const PowerSensorOptions& options);

struct ListedPowerSensor {
  PowerSensorFacts facts;
  bool readable = false;
  std::string why_not;  // where it is not readable, with what would make it so
};

// Every sensor of the device, in the order in which `auto` tries them: a rail through which the whole board is fed, the
// rails of a board, the processor's own counters, whatever else hwmon has.
std::vector<ListedPowerSensor> list_power_sensors(const fs::path& root = "/");

}  // namespace dse::runtime
