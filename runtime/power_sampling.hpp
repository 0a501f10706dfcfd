// Readings taken again and again between the start and the end of a measurement.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "runtime/power_clock.hpp"
#include "runtime/power_sensor.hpp"
#include "runtime/power_sysfs.hpp"

namespace dse::runtime {

// 400 a second: below 350 the peaks of single layers are missed.
constexpr double shortest_period_s = 0.0025;
// A second between two samples errs by up to 80 % unless a minute of steady work is averaged: 60 samples. Beyond two
// seconds between samples nothing is known of what a network did.
constexpr std::size_t least_samples = 60;
constexpr double longest_gap_s = 2;

// Throws POWER-SPARSE for watts that were sampled too seldom.
void check_density(const EnergyReading& reading, const Place& place);

// Calls `step` with the monotonic time: once when made, then every period in a thread of its own, and once in stop().
// Steps never overlap. A step that comes late is not made up for: the sensor is not flooded after a stall.
class SamplingThread {
 public:
  using Step = std::function<void(double now_s)>;
  SamplingThread(PowerClock clock, double period_s, Step step);

  // Throws what a step threw; none is taken after that.
  void stop();

 private:
  void run(const std::stop_token& stop);

  PowerClock clock_;
  double period_s_;
  Step step_;
  std::exception_ptr failure_;  // written by the thread, read once it ended
  std::jthread thread_;         // last: it uses all of the above
};

// The hardware that is read.
class Meter {
 public:
  virtual ~Meter() = default;
  virtual void begin() = 0;                     // a first reading
  virtual double joules(double elapsed_s) = 0;  // since the last reading, that long ago
};

// The sum of channels, each in watts, by trapezoid.
class WattsMeter final : public Meter {
 public:
  using Channel = std::function<double()>;
  explicit WattsMeter(std::vector<Channel> channels) : channels_(std::move(channels)) {}
  void begin() override { last_ = watts(); }
  double joules(double elapsed_s) override;

 private:
  double watts() const;
  std::vector<Channel> channels_;
  double last_ = 0;
};

// A counter of microjoules. One that has a range starts again from 0 beyond it; one without never goes down.
struct EnergyCounter {
  SysfsAttribute attribute;
  std::int64_t range_uj = 0;  // 0: none
  std::int64_t last_uj = 0;

  std::int64_t read() const;
};

// The sum of counters. Each goes round on its own, at most once between two readings (counter_period()).
class CounterMeter final : public Meter {
 public:
  explicit CounterMeter(std::vector<EnergyCounter> counters) : counters_(std::move(counters)) {}
  void begin() override;
  double joules(double elapsed_s) override;

 private:
  std::vector<EnergyCounter> counters_;
};

// Seconds between readings so short that no counter goes round twice unseen.
double counter_period(const std::vector<EnergyCounter>& counters);

class SampledSensor final : public PowerSensor {
 public:
  // Takes a first reading; throws where a channel cannot be read.
  SampledSensor(PowerSensorFacts facts, std::unique_ptr<Meter> meter, PowerClock clock);
  void start() override;
  std::optional<EnergyReading> stop() override;

 private:
  void step(double now_s);

  std::unique_ptr<Meter> meter_;
  PowerClock clock_;
  EnergyReading reading_;
  double last_s_ = 0;
  std::optional<SamplingThread> sampling_;  // last: its thread uses all of the above
};

}  // namespace dse::runtime
