#include "runtime/power_clock.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace dse::runtime {
namespace {

// libstdc++'s steady clock is CLOCK_MONOTONIC, its system clock CLOCK_REALTIME.
using Steady = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

void sleep_until(const std::stop_token& stop, double monotonic_s) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  const Steady::time_point until(std::chrono::duration_cast<Steady::duration>(Seconds(monotonic_s)));
  never.wait_until(lock, stop, until, [] { return false; });
}

}  // namespace

PowerClock PowerClock::real() {
  return {[] { return Seconds(Steady::now().time_since_epoch()).count(); },
          [] { return Seconds(std::chrono::system_clock::now().time_since_epoch()).count(); }, sleep_until};
}

}  // namespace dse::runtime
