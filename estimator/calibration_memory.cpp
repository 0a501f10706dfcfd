#include <algorithm>

#include "estimator/calibration.hpp"
#include "estimator/nnls.hpp"

namespace dse {
namespace {

// What creating the largest session takes on top of all that the others hold: a constant and a share of its relaid
// weights, where loading exceeds running. The constant is raised until no observation lies above the estimate: a device
// that runs out of memory costs more than one that has some left.
void fit_loading(std::span<const MemoryObservation> observations, DeviceProfile& profile, const Eigen::VectorXd& run) {
  std::vector<const MemoryObservation*> loading;
  const auto steady = [&](const MemoryObservation& o) {
    return run[0] + run[1] * o.sessions + profile.memory_weight_factor * o.relaid_bytes;
  };
  for (const MemoryObservation& o : observations) {
    const double running = run[0] + run[1] * o.sessions + run[2] * o.weight_bytes + run[3] * o.live_bytes;
    if (o.largest_relaid_bytes > 0 && o.loaded_peak_bytes > running) loading.push_back(&o);
  }
  profile.memory_load_factor = 0;
  profile.memory_load_bytes = 0;
  if (loading.empty()) return;
  const auto rows = static_cast<Eigen::Index>(loading.size());
  Eigen::MatrixXd a(rows, 2);
  Eigen::VectorXd b(rows);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const MemoryObservation& o = *loading[static_cast<std::size_t>(r)];
    a.row(r) << 1, o.largest_relaid_bytes;
    b[r] = o.loaded_peak_bytes - steady(o);
    a.row(r) /= o.loaded_peak_bytes;
    b[r] /= o.loaded_peak_bytes;
  }
  const Eigen::VectorXd x = nnls(a, b);
  profile.memory_load_factor = x[1];
  profile.memory_load_bytes = x[0];
  for (const MemoryObservation* o : loading) {
    profile.memory_load_bytes =
        std::max(profile.memory_load_bytes,
                 o->loaded_peak_bytes - steady(*o) - profile.memory_load_factor * o->largest_relaid_bytes);
  }
}

}  // namespace

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
  fit_loading(observations, profile, x);
}

}  // namespace dse
