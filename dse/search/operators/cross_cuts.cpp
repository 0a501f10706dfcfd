#include <algorithm>

#include "dse/search/operators.hpp"

namespace dse::search::operators {
namespace {

std::size_t nearest_border(const std::vector<Run>& all, std::size_t to) {
  std::size_t best = all[1].first;
  for (std::size_t i = 2; i < all.size(); ++i) {
    const auto distance = [to](std::size_t x) { return x > to ? x - to : to - x; };
    if (distance(all[i].first) < distance(best)) best = all[i].first;
  }
  return best;
}

}  // namespace

Genome cross_cuts(const Genome& a, const Genome& b, const Space&, Rng& rng) {
  Genome child = a;
  auto& layers = child.replicas[rng.below(child.replicas.size())].layers;
  std::vector<Run> mine = runs(layers);
  const std::vector<Run> other = runs(b.replicas[rng.below(b.replicas.size())].layers);
  if (other.size() < 2) return child;
  for (std::size_t i = 1; i < mine.size(); ++i) {
    if (rng.chance(0.5)) continue;
    const std::size_t border = std::clamp(nearest_border(other, mine[i].first), mine[i - 1].first, mine[i].last);
    mine[i - 1].last = mine[i].first = border;
  }
  for (const Run& run : mine) {
    std::fill(layers.begin() + static_cast<std::ptrdiff_t>(run.first),
              layers.begin() + static_cast<std::ptrdiff_t>(run.last), run.placement);
  }
  return child;
}

}  // namespace dse::search::operators
