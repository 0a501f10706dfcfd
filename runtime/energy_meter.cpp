#include "runtime/energy_meter.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/error.hpp"

namespace dse::runtime {
namespace {

// Counters are renewed in steps of a millisecond or more.
constexpr double shortest_counted_s = 0.25;

void check_length(const PowerSensorFacts& facts, const EnergyReading& reading) {
  if (!facts.counter || reading.seconds >= shortest_counted_s) return;
  throw Error(ExitCode::device, "POWER-SPARSE", {facts.source},
              fmt::format("{:.3g} s are too short for a counter of energy, {} s are needed: measure more frames",
                          reading.seconds, shortest_counted_s));
}

}  // namespace

template <class Act>
void EnergyMeter::guarded(const Act& act) try {
  act();
} catch (const std::exception& error) {
  if (!result_) result_ = MeasuredEnergy{};
  result_->failure = printable(error.what(), 500);
  sensor_.reset();
}

EnergyMeter::EnergyMeter(const PowerSensorOptions& options, std::vector<std::size_t> ranks) {
  MeasuredEnergy asked;
  asked.sensor.kind = options.kind;
  asked.ranks = std::move(ranks);
  result_ = asked;
  guarded([&] {
    sensor_ = open_power_sensor(options);
    result_->sensor = sensor_->facts();
  });
  if (result_->sensor.kind == "none") result_.reset();
}

void EnergyMeter::start() {
  if (!sensor_ || !result_) return;
  guarded([&] {
    sensor_->start();
    running_ = true;
  });
}

void EnergyMeter::stop() {
  if (!sensor_ || !std::exchange(running_, false)) return;
  guarded([&] {
    const std::optional<EnergyReading> reading = sensor_->stop();
    if (!reading) return;
    check_length(sensor_->facts(), *reading);
    result_->reading = reading;
  });
}

std::vector<std::size_t> ranks_beside(std::size_t rank, std::size_t ranks, const std::vector<std::uint64_t>& hosts) {
  std::vector<std::size_t> beside;
  for (std::size_t other = 0; other < ranks && other < hosts.size(); ++other)
    if (hosts[other] == hosts.at(rank)) beside.push_back(other);
  return beside;
}

}  // namespace dse::runtime
