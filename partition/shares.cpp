#include "partition/shares.hpp"

#include <algorithm>
#include <numeric>

namespace dse {
namespace {

std::int64_t usable_multiple(std::int64_t extent, const std::vector<std::int64_t>& shares, std::int64_t total,
                             std::int64_t multiple) {
  const std::int64_t smallest = *std::min_element(shares.begin(), shares.end());
  const std::int64_t fair = std::max<std::int64_t>(1, extent * std::max<std::int64_t>(smallest, 1) / total);
  for (std::int64_t divisor = multiple; divisor > 1; --divisor)
    if (multiple % divisor == 0 && 2 * divisor <= fair) return divisor;
  return 1;
}

}  // namespace

std::vector<std::int64_t> cut_by_shares(std::int64_t extent, const std::vector<std::int64_t>& shares,
                                        std::int64_t multiple) {
  const std::int64_t total = std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  const std::int64_t step = usable_multiple(extent, shares, total, multiple);
  std::vector<std::int64_t> cuts{0};
  std::int64_t sum = 0;
  for (std::size_t i = 0; i + 1 < shares.size(); ++i) {
    sum += shares[i];
    // The nearest multiple; exact halves go down.
    const std::int64_t nearest = (2 * extent * sum + total * step - 1) / (2 * total * step) * step;
    cuts.push_back(std::clamp(nearest, cuts.back(), extent));
  }
  cuts.push_back(extent);
  return cuts;
}

Grid square_grid(std::size_t devices) {
  Grid grid{devices, 1};
  for (std::size_t columns = 1; columns * columns <= devices; ++columns)
    if (devices % columns == 0) grid = {devices / columns, columns};
  return grid;
}

}  // namespace dse
