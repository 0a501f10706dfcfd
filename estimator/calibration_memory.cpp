#include <algorithm>
#include <cmath>

#include "estimator/calibration.hpp"
#include "estimator/nnls.hpp"

namespace dse {
namespace {

// Of a process, beyond what was observed: networks that were not are off by some per cent either way, and a device that
// runs out of memory costs more than one that has some left.
constexpr double margin = 0.02;

// The least that an estimate of `bytes` beyond the engine's may be.
double least(double base_bytes, double bytes) { return (1 + margin) * (base_bytes + bytes) - base_bytes; }

// A coefficient a column, of relative errors of the whole process: expectile regression (Newey and Powell, 1987), in
// which an estimate that is too low counts nine times one that is too high, by least squares with weights that follow
// the errors' signs.
Eigen::VectorXd fit(Eigen::MatrixXd a, Eigen::VectorXd b, double base_bytes) {
  constexpr int rounds = 12;
  constexpr double too_low = 9;
  for (Eigen::Index r = 0; r < a.rows(); ++r) {
    const double weight = 1 / std::max(base_bytes + b[r], 1.0);
    a.row(r) *= weight;
    b[r] *= weight;
  }
  Eigen::VectorXd x = nnls(a, b);
  for (int round = 0; round < rounds; ++round) {
    const Eigen::VectorXd missing = b - a * x;
    const Eigen::VectorXd weights =
        (missing.array() > 0)
            .select(Eigen::VectorXd::Constant(b.size(), std::sqrt(too_low)), Eigen::VectorXd::Ones(b.size()));
    x = nnls(weights.asDiagonal() * a, weights.cwiseProduct(b));
  }
  return x;
}

struct Running {
  double constant = 0, session = 0, part = 0, weight = 0, first = 0, grown = 0;
  double of_sessions(double sessions, double parts) const { return session * sessions + part * parts; }
};

// The constant and what activations take are raised together.
Running fit_running(std::span<const MemoryObservation> observations, double base_bytes) {
  const auto rows = static_cast<Eigen::Index>(observations.size());
  Eigen::MatrixXd a(rows, 6);
  Eigen::VectorXd b(rows);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const MemoryObservation& o = observations[static_cast<std::size_t>(r)];
    a.row(r) << 1, o.sessions, o.parts, o.weight_bytes, o.arena.first_bytes, o.arena.grown_bytes;
    b[r] = o.run_peak_bytes;
  }
  const Eigen::VectorXd x = fit(a, b, base_bytes);
  Running result{x[0], x[1], x[2], x[3], x[4], x[5]};
  double raise = 1;
  for (Eigen::Index r = 0; r < rows; ++r) {
    const double raised = result.constant + result.first * a(r, 4) + result.grown * a(r, 5);
    const double fixed = (a.row(r) * x).value() - raised;
    if (raised > 0) raise = std::max(raise, (least(base_bytes, b[r]) - fixed) / raised);
  }
  result.constant *= raise;
  result.first *= raise;
  result.grown *= raise;
  return result;
}

// Loading, with a constant of its own, which the profile has on top of running's. Of one session each: a later one uses
// again what earlier ones gave back, by chance more or less.
void fit_loading(std::span<const MemoryObservation> all, const Running& running, double base_bytes,
                 DeviceProfile& profile) {
  std::vector<MemoryObservation> observations;
  for (const MemoryObservation& one : all)
    if (one.sessions == 1) observations.push_back(one);
  if (observations.empty()) observations.assign(all.begin(), all.end());
  const auto rows = static_cast<Eigen::Index>(observations.size());
  Eigen::MatrixXd a(rows, 4);
  Eigen::VectorXd b(rows);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const MemoryObservation& o = observations[static_cast<std::size_t>(r)];
    a.row(r) << 1, o.loading.relaid_bytes, o.loading.folded_bytes, o.loading.largest_relaid_bytes;
    b[r] = o.loaded_peak_bytes - running.of_sessions(o.loading.sessions, o.loading.parts);
  }
  const Eigen::VectorXd x = fit(a, b, base_bytes);
  double constant = x[0];
  profile.memory_relaid_factor = x[1];
  profile.memory_fold_factor = x[2];
  profile.memory_load_factor = x[3];
  for (Eigen::Index r = 0; r < rows; ++r)
    constant = std::max(constant, least(base_bytes, b[r]) - (a.row(r).tail(3) * x.tail(3)).value());
  profile.memory_load_bytes = constant - running.constant;
}

}  // namespace

void fit_memory(std::span<const MemoryObservation> observations, DeviceProfile& profile) {
  if (observations.empty()) return;
  const double base_bytes = profile.memory_base_bytes;
  const Running running = fit_running(observations, base_bytes);
  constexpr double least_factor = 1e-3;  // profiles hold no zeros
  profile.memory_base_bytes += running.constant;
  profile.memory_session_bytes = running.session;
  profile.memory_part_bytes = running.part;
  profile.memory_weight_factor = std::max(running.weight, least_factor);
  profile.memory_activation_factor = std::max(running.first, least_factor);
  profile.memory_growth_factor = running.grown;
  fit_loading(observations, running, base_bytes, profile);
}

}  // namespace dse
