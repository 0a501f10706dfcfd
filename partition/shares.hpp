// Where an extent is cut for devices with given shares.
#pragma once

#include <cstdint>
#include <vector>

#include "base/region.hpp"

namespace dse {

// n + 1 ascending positions from 0 to extent: device i has [cuts[i], cuts[i + 1]), proportional to its share and
// rounded to a multiple of `multiple` where that is at most half of the smallest fair part, else to the largest divisor
// of it that is. A small share may get nothing.
std::vector<std::int64_t> cut_by_shares(std::int64_t extent, const std::vector<std::int64_t>& shares,
                                        std::int64_t multiple);

// n devices as rows × columns, as square as n allows: 4 = 2 × 2, 6 = 3 × 2, 5 = 5 × 1.
struct Grid {
  std::size_t rows = 1, columns = 1;
};
Grid square_grid(std::size_t devices);

}  // namespace dse
