#include "base/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace dse {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string suggestion(std::string_view word, const std::vector<std::string>& allowed) {
  if (allowed.empty()) return "";
  const std::string_view shortened = word.substr(0, 64);
  const auto nearest = std::min_element(allowed.begin(), allowed.end(), [&](const auto& a, const auto& b) {
    return edit_distance(shortened, a) < edit_distance(shortened, b);
  });
  if (edit_distance(shortened, *nearest) <= shortened.size() / 3 + 1)
    return fmt::format(", did you mean '{}'?", *nearest);
  const std::vector<std::string> shown(
      allowed.begin(), allowed.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(allowed.size(), 12)));
  return fmt::format("; allowed are {}{}", fmt::join(shown, ", "), shown.size() < allowed.size() ? ", ..." : "");
}

}  // namespace dse
