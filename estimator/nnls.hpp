// Non-negative least squares: times, rates and bytes are never negative, and a fit that knows this extrapolates sanely.
#pragma once

#include <Eigen/Core>

namespace dse {

// x >= 0 that minimises |a x - b|: the active-set method of Lawson and Hanson ("Solving Least Squares Problems",
// chapter 23), on the normal equations with columns scaled to length 1. Columns of zeros get 0.
Eigen::VectorXd nnls(const Eigen::MatrixXd& a, const Eigen::VectorXd& b);

}  // namespace dse
