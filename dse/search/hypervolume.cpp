#include <pagmo/utils/hypervolume.hpp>

#include <algorithm>

#include "dse/search/front.hpp"

namespace dse::search {

double hypervolume(std::span<const FrontEntry> points, std::span<const double> ideal,
                   std::span<const double> reference) {
  std::vector<std::vector<double>> scaled;
  for (const FrontEntry& point : points) {
    std::vector<double> row;
    for (std::size_t o = 0; o < ideal.size(); ++o) {
      const double width = reference[o] - ideal[o];
      if (!(width > 0)) return 0;
      row.push_back(std::max(0.0, (point.values[o] - ideal[o]) / width));
    }
    if (std::all_of(row.begin(), row.end(), [](double x) { return x < 1; })) scaled.push_back(std::move(row));
  }
  if (scaled.empty()) return 0;
  return pagmo::hypervolume(scaled, false).compute(std::vector<double>(ideal.size(), 1.0));
}

}  // namespace dse::search
