#include "dse/commands/power_calibration.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace dse {
namespace {

constexpr double state_s = 2;  // counters of energy are renewed every millisecond, sampled power 400 times a second
constexpr double around_state_s = 1;  // the probe starts, the device settles in the state

class PowerStates {
 public:
  PowerStates(const DeviceCalibration& device, const probes::Chain& chain, const Console& console)
      : device_(device),
        console_(console),
        threads_(spread_thread_counts(device.threads, most_thread_counts(device.power->budget_seconds))) {
    request_.sensor = device.power->sensor.kind;
    request_.root = device.power->sensor.root.string();
    request_.seconds = state_s;
    request_.chain = chain;
    // Where two seconds have too few samples, whatever of the budget each state can have.
    const double share = device.power->budget_seconds / static_cast<double>(threads_.size() + 2);
    request_.longest_seconds = share - 2 * around_state_s - state_s;
  }

  PowerProfile measure() {
    PowerProfile profile;
    profile.idle_watts = watts(probes::PowerState::idle, 1);
    for (const int threads : threads_)
      profile.active.push_back({threads, at_least(profile.idle_watts, watts(probes::PowerState::active, threads))});
    profile.waiting_watts = waiting(profile.idle_watts);
    profile.sensor = sensor_;
    return profile;
  }

 private:
  static std::size_t most_thread_counts(double budget_seconds) {
    const double states = budget_seconds / (state_s + around_state_s);
    return static_cast<std::size_t>(std::max(states - 2, 1.0));
  }

  // A state that adds nothing may seem to take less than nothing.
  static double at_least(double idle_watts, double watts) { return std::max(idle_watts, watts); }

  double watts(probes::PowerState state, int threads) {
    request_.state = state;
    request_.threads = threads;
    request_.cpus.assign(device_.cpus.begin(),
                         device_.cpus.begin() + std::min<std::ptrdiff_t>(threads, std::ssize(device_.cpus)));
    const double expected_s = state_s + std::max(request_.longest_seconds, 0.0);
    const std::string request = probes::to_json(request_);
    const probes::PowerReport report = probes::power_report_from_json(
        state == probes::PowerState::waiting ? run_ranked_probe(1, "power", request, expected_s)
                                             : run_probe("power", request, expected_s));
    sensor_ = report.sensor + ", " + report.source;
    return report.watts;
  }

  // A machine without a working mpirun has its other states measured all the same.
  std::optional<double> waiting(double idle_watts) try {
    return at_least(idle_watts, watts(probes::PowerState::waiting, 1));
  } catch (const Error& error) {
    if (error.exit() == ExitCode::interrupted) throw;
    console_.warn("the power of a waiting worker was not measured, and is taken as idle: " + error.message());
    return std::nullopt;
  }

  const DeviceCalibration& device_;
  const Console& console_;
  std::vector<int> threads_;
  probes::PowerRequest request_;
  std::string sensor_;
};

void tell(const PowerProfile& power, const Console& console) {
  std::string text = fmt::format("power measured with {}: idle {:.3g} W", power.sensor, power.idle_watts);
  for (const ActivePower& row : power.active)
    text += fmt::format(", {} thread{} {:.3g} W", row.threads, row.threads == 1 ? "" : "s", row.watts);
  if (power.waiting_watts) text += fmt::format(", waiting {:.3g} W", *power.waiting_watts);
  console.note(printable(text, 600));
}

}  // namespace

std::vector<int> spread_thread_counts(const std::vector<int>& threads, std::size_t most) {
  if (threads.size() <= most) return threads;
  if (most <= 1) return {threads.back()};
  std::vector<int> chosen;
  for (std::size_t i = 0; i < most; ++i) chosen.push_back(threads[i * (threads.size() - 1) / (most - 1)]);
  return chosen;
}

std::optional<PowerProfile> calibrate_power(const DeviceCalibration& device, const probes::Chain& chain,
                                            const Console& console) try {
  const PowerProfile power = PowerStates(device, chain, console).measure();
  tell(power, console);
  return power;
} catch (const Error& error) {
  if (error.exit() == ExitCode::interrupted) throw;
  console.warn("no power was measured: " + error.message());
  return std::nullopt;
}

}  // namespace dse
