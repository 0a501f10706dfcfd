// The energy that a run takes, measured beside it: whatever goes wrong with the sensor is told, and ends no run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/power_sensor.hpp"

namespace dse::runtime {

// What one rank measured for all ranks of its host.
struct MeasuredEnergy {
  PowerSensorFacts sensor;
  std::vector<std::size_t> ranks;  // of this package that run on the host: all of them took this energy together
  std::optional<EnergyReading> reading;
  std::string failure;  // why there is no reading
};

class EnergyMeter {
 public:
  // One that could not be opened is a failure; none was asked for, or `auto` found none: result() is empty.
  EnergyMeter(const PowerSensorOptions& options, std::vector<std::size_t> ranks);

  void start();
  void stop();  // does nothing unless it was started
  const std::optional<MeasuredEnergy>& result() const { return result_; }

 private:
  template <class Act>
  void guarded(const Act& act);

  std::unique_ptr<PowerSensor> sensor_;
  std::optional<MeasuredEnergy> result_;
  bool running_ = false;
};

// Ranks below `ranks` whose host is that of `rank`; hosts[r] identifies the host of rank r.
std::vector<std::size_t> ranks_beside(std::size_t rank, std::size_t ranks, const std::vector<std::uint64_t>& hosts);

}  // namespace dse::runtime
