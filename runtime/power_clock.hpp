// Time as a power sensor sees it; tests give their own, in which nothing has to be waited for.
#pragma once

#include <functional>
#include <stop_token>

namespace dse::runtime {

struct PowerClock {
  std::function<double()> monotonic_s;  // CLOCK_MONOTONIC
  std::function<double()> unix_s;       // CLOCK_REALTIME: what a meter's file is stamped with
  // Returns at that monotonic time, or as soon as a stop is asked for.
  std::function<void(const std::stop_token&, double)> wait_until;

  static PowerClock real();
};

}  // namespace dse::runtime
