// Of repeated measurements.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace dse::runtime {

// The value below which a share `q` (0 to 1) of them lies, without interpolation; 0 of none.
inline double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

}  // namespace dse::runtime
