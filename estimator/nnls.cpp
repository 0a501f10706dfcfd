#include "estimator/nnls.hpp"

#include <Eigen/Cholesky>
#include <limits>
#include <vector>

namespace dse {
namespace {

// The unconstrained solution on the free columns, zero on the others.
Eigen::VectorXd solve_free(const Eigen::MatrixXd& gram, const Eigen::VectorXd& right,
                           const std::vector<Eigen::Index>& free) {
  Eigen::VectorXd result = Eigen::VectorXd::Zero(right.size());
  if (free.empty()) return result;
  const Eigen::MatrixXd part = gram(free, free);
  const Eigen::VectorXd solved = part.ldlt().solve(right(free));
  for (std::size_t i = 0; i < free.size(); ++i) result[free[i]] = solved[static_cast<Eigen::Index>(i)];
  return result;
}

}  // namespace

Eigen::VectorXd nnls(const Eigen::MatrixXd& a, const Eigen::VectorXd& b) {
  const Eigen::Index n = a.cols();
  Eigen::VectorXd lengths = a.colwise().norm();
  for (Eigen::Index i = 0; i < n; ++i) {
    if (lengths[i] == 0) lengths[i] = 1;
  }
  const Eigen::MatrixXd scaled = a * lengths.cwiseInverse().asDiagonal();
  // The tiny ridge keeps columns that the data cannot tell apart from making the equations singular: they share.
  const Eigen::MatrixXd gram = scaled.transpose() * scaled + 1e-10 * Eigen::MatrixXd::Identity(n, n);
  const Eigen::VectorXd right = scaled.transpose() * b;
  const double tolerance = 1e-10 * (1 + right.cwiseAbs().maxCoeff());

  Eigen::VectorXd x = Eigen::VectorXd::Zero(n);
  std::vector<bool> is_free(static_cast<std::size_t>(n), false);
  std::vector<Eigen::Index> free;
  const auto collect = [&] {
    free.clear();
    for (Eigen::Index i = 0; i < n; ++i) {
      if (is_free[static_cast<std::size_t>(i)]) free.push_back(i);
    }
  };
  for (Eigen::Index round = 0; round < 3 * n; ++round) {
    const Eigen::VectorXd gradient = right - gram * x;
    Eigen::Index best = -1;
    for (Eigen::Index i = 0; i < n; ++i) {
      if (!is_free[static_cast<std::size_t>(i)] && gradient[i] > tolerance &&
          (best < 0 || gradient[i] > gradient[best]))
        best = i;
    }
    if (best < 0) break;
    is_free[static_cast<std::size_t>(best)] = true;
    for (;;) {
      collect();
      const Eigen::VectorXd wanted = solve_free(gram, right, free);
      // As far towards `wanted` as nothing gets negative; what hits zero is held there.
      double step = 1;
      for (const Eigen::Index i : free) {
        if (wanted[i] <= 0 && x[i] - wanted[i] > 0) step = std::min(step, x[i] / (x[i] - wanted[i]));
      }
      x += step * (wanted - x);
      if (step >= 1) break;
      for (const Eigen::Index i : free) {
        if (wanted[i] <= 0 && x[i] <= 1e-14) {
          x[i] = 0;
          is_free[static_cast<std::size_t>(i)] = false;
        }
      }
    }
  }
  return x.cwiseMax(0).cwiseQuotient(lengths);
}

}  // namespace dse
