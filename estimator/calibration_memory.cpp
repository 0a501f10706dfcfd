#include <algorithm>

#include "estimator/calibration.hpp"
#include "estimator/nnls.hpp"

namespace dse {

void fit_memory(std::span<const MemoryObservation> observations, DeviceProfile& profile) {
  if (observations.empty()) return;
  const auto rows = static_cast<Eigen::Index>(observations.size());
  Eigen::MatrixXd a(rows, 4);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const MemoryObservation& o = observations[static_cast<std::size_t>(r)];
    a.row(r) << 1, o.sessions, o.weight_bytes, o.live_bytes;
    a.row(r) /= std::max(o.run_peak_bytes, 1.0);
  }
  Eigen::VectorXd x = nnls(a, Eigen::VectorXd::Ones(rows));
  const double lowest = (a * x).minCoeff();
  if (lowest > 0 && lowest < 1) x /= lowest;
  constexpr double least_factor = 1e-3;  // profiles hold no zeros
  profile.memory_base_bytes += x[0];
  profile.memory_session_bytes = x[1];
  profile.memory_weight_factor = std::max(x[2], least_factor);
  profile.memory_activation_factor = std::max(x[3], least_factor);
  // Loading counts only where it exceeds running: small sessions leave more behind than their weights explain, which
  // running covers.
  profile.memory_load_factor = 0;
  for (Eigen::Index r = 0; r < rows; ++r) {
    const MemoryObservation& o = observations[static_cast<std::size_t>(r)];
    const double run = a.row(r).dot(x) * std::max(o.run_peak_bytes, 1.0);
    if (o.largest_relaid_bytes <= 0 || o.loaded_peak_bytes <= run) continue;
    const double steady = x[0] + x[1] * o.sessions + x[2] * o.relaid_bytes;
    profile.memory_load_factor =
        std::max(profile.memory_load_factor, (o.loaded_peak_bytes - steady) / o.largest_relaid_bytes);
  }
}

}  // namespace dse
