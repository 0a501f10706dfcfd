#include "estimator/calibration.hpp"

namespace dse {

void fit_wakes(std::span<const WakeObservation> observations, LinkProfile& profile) {
  if (observations.empty()) return;
  profile.wake_longest_seconds = observations.back().late_seconds;
  double waited = 0, late = 0;
  for (const WakeObservation& one : observations) {
    if (one.late_seconds > profile.wake_longest_seconds / 2 && waited > 0) break;
    waited += one.waited_seconds;
    late += one.late_seconds;
  }
  profile.wake_share = waited > 0 ? late / waited : 0;
}

}  // namespace dse
