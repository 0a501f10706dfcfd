#include "dse/archive/knee.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace dse::archive {
namespace {

using Points = std::vector<std::vector<double>>;
constexpr double tiny = 1e-12;  // far below any difference that a normalised objective can mean

// 0 at the best and 1 at the worst value of each objective; objectives that are equal everywhere are dropped.
Points normalised(const Points& points) {
  Points result(points.size());
  for (std::size_t k = 0; k < points.front().size(); ++k) {
    const auto less = [k](const auto& a, const auto& b) { return a[k] < b[k]; };
    const auto [low, high] = std::minmax_element(points.begin(), points.end(), less);
    const double range = (*high)[k] - (*low)[k];
    if (!(range > 0) || !std::isfinite(range)) continue;
    for (std::size_t i = 0; i < points.size(); ++i) result[i].push_back((points[i][k] - (*low)[k]) / range);
  }
  return result;
}

double total(const std::vector<double>& point) { return std::accumulate(point.begin(), point.end(), 0.0); }

// For each objective the point that is best in it; among equals the one with the smallest sum.
Points extremes(const Points& points) {
  Points result;
  for (std::size_t k = 0; k < points.front().size(); ++k) {
    result.push_back(*std::min_element(points.begin(), points.end(), [k](const auto& a, const auto& b) {
      return a[k] != b[k] ? a[k] < b[k] : total(a) < total(b);
    }));
  }
  return result;
}

// The normal n with n·row = 1 for every row, by Gauss-Jordan elimination with partial pivoting; empty where there is
// none.
std::vector<double> plane_through(Points rows) {
  const std::size_t n = rows.size();
  for (auto& row : rows) row.push_back(1);
  for (std::size_t column = 0; column < n; ++column) {
    const auto larger = [column](const auto& a, const auto& b) { return std::abs(a[column]) < std::abs(b[column]); };
    std::iter_swap(rows.begin() + static_cast<std::ptrdiff_t>(column),
                   std::max_element(rows.begin() + static_cast<std::ptrdiff_t>(column), rows.end(), larger));
    if (std::abs(rows[column][column]) < tiny) return {};
    for (std::size_t row = 0; row < n; ++row) {
      if (row == column) continue;
      const double factor = rows[row][column] / rows[column][column];
      for (std::size_t k = column; k <= n; ++k) rows[row][k] -= factor * rows[column][k];
    }
  }
  std::vector<double> normal;
  for (std::size_t k = 0; k < n; ++k) normal.push_back(rows[k][n] / rows[k][k]);
  return normal;
}

}  // namespace

std::optional<std::size_t> knee_index(const Points& points) {
  if (points.empty()) return std::nullopt;
  const Points scaled = normalised(points);
  if (scaled.front().empty()) return 0;
  std::vector<double> normal = plane_through(extremes(scaled));
  const bool slopes_down =
      !normal.empty() && std::all_of(normal.begin(), normal.end(), [](double part) { return part > tiny; });
  if (!slopes_down) normal.assign(scaled.front().size(), 1.0);
  std::size_t best = 0;
  double lowest = std::inner_product(normal.begin(), normal.end(), scaled.front().begin(), 0.0);
  for (std::size_t i = 1; i < scaled.size(); ++i) {
    const double height = std::inner_product(normal.begin(), normal.end(), scaled[i].begin(), 0.0);
    if (height < lowest - tiny * std::max(1.0, std::abs(lowest))) {
      best = i;
      lowest = height;
    }
  }
  return best;
}

}  // namespace dse::archive
