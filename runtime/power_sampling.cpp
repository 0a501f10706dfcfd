#include "runtime/power_sampling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace dse::runtime {

void check_density(const EnergyReading& reading, const Place& place) {
  if (reading.samples >= least_samples && reading.longest_gap_s <= longest_gap_s) return;
  throw Error(
      ExitCode::device, "POWER-SPARSE", place,
      fmt::format("{} samples of power in {:.3g} s, up to {:.3g} s apart, are too few to integrate; at least {} "
                  "are needed, at most {} s apart: measure for longer",
                  reading.samples, reading.seconds, reading.longest_gap_s, least_samples, longest_gap_s));
}

SamplingThread::SamplingThread(PowerClock clock, double period_s, Step step)
    : clock_(std::move(clock)), period_s_(period_s), step_(std::move(step)) {
  step_(clock_.monotonic_s());
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void SamplingThread::run(const std::stop_token& stop) {
  try {
    double due = clock_.monotonic_s() + period_s_;
    while (true) {
      clock_.wait_until(stop, due);
      if (stop.stop_requested()) return;
      step_(clock_.monotonic_s());
      due += period_s_;
      const double now_s = clock_.monotonic_s();
      if (now_s > due) due = now_s + period_s_;
    }
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void SamplingThread::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  step_(clock_.monotonic_s());
}

double WattsMeter::watts() const {
  double sum = 0;
  for (const Channel& channel : channels_) sum += channel();
  return sum;
}

double WattsMeter::joules(double elapsed_s) {
  const double now = watts();
  return elapsed_s * (std::exchange(last_, now) + now) / 2;
}

std::int64_t EnergyCounter::read() const {
  return attribute.number({0, range_uj > 0 ? range_uj : std::numeric_limits<std::int64_t>::max()}, "microjoules");
}

void CounterMeter::begin() {
  for (EnergyCounter& counter : counters_) counter.last_uj = counter.read();
}

namespace {

[[noreturn]] void jumped(const EnergyCounter& counter, std::int64_t before, std::int64_t now) {
  throw Error(
      ExitCode::device, "POWER-VALUE", {counter.attribute.path().string()},
      fmt::format("went from {} to {} microjoules, which no device takes in that time; was it reset?", before, now));
}

double gain(EnergyCounter& counter, double elapsed_s) {
  const std::int64_t now = counter.read(), before = std::exchange(counter.last_uj, now);
  if (now < before && counter.range_uj == 0) jumped(counter, before, now);
  const std::int64_t gained = now >= before ? now - before : counter.range_uj - before + now;
  // Counters are renewed in steps, the slowest ones every second.
  const double joules = 1e-6 * static_cast<double>(gained);
  if (joules > static_cast<double>(most_watts) * (elapsed_s + 1)) jumped(counter, before, now);
  return joules;
}

}  // namespace

double CounterMeter::joules(double elapsed_s) {
  double sum = 0;
  for (EnergyCounter& counter : counters_) sum += gain(counter, elapsed_s);
  return sum;
}

double counter_period(const std::vector<EnergyCounter>& counters) {
  double period = 10;
  for (const EnergyCounter& counter : counters) {
    if (counter.range_uj == 0) continue;
    const double round_s = 1e-6 * static_cast<double>(counter.range_uj) / static_cast<double>(most_watts);
    period = std::min(period, round_s / 2);
  }
  return period;
}

SampledSensor::SampledSensor(PowerSensorFacts facts, std::unique_ptr<Meter> meter, PowerClock clock)
    : PowerSensor(std::move(facts)), meter_(std::move(meter)), clock_(std::move(clock)) {
  meter_->begin();
}

void SampledSensor::start() {
  sampling_.reset();
  reading_ = {};
  sampling_.emplace(clock_, facts().period_s, [this](double now_s) { step(now_s); });
}

void SampledSensor::step(double now_s) {
  if (reading_.samples++ == 0) {
    meter_->begin();
  } else {
    const double elapsed_s = now_s - last_s_;
    reading_.joules += meter_->joules(elapsed_s);
    reading_.seconds += elapsed_s;
    reading_.longest_gap_s = std::max(reading_.longest_gap_s, elapsed_s);
  }
  last_s_ = now_s;
}

std::optional<EnergyReading> SampledSensor::stop() {
  if (!sampling_) throw Error(ExitCode::internal, "POWER-SENSOR", "a measurement was ended that was not started");
  sampling_->stop();
  sampling_.reset();
  if (!facts().counter) check_density(reading_, {facts().source});
  return reading_;
}

}  // namespace dse::runtime
