#include "dse/search/selection.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace dse::search {
namespace {

// pagmo's crowding_distance divides by zero where a front shares one value; here such an objective adds nothing.
void add_crowding(std::span<const Fitness> fitnesses, std::vector<std::size_t> front, std::vector<double>& crowding) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (std::size_t o = 0; o < fitnesses.front().size(); ++o) {
    const auto value = [&](std::size_t i) { return fitnesses[i][o]; };
    std::sort(front.begin(), front.end(),
              [&](std::size_t a, std::size_t b) { return value(a) < value(b) || (value(a) == value(b) && a < b); });
    const double width = value(front.back()) - value(front.front());
    crowding[front.front()] = crowding[front.back()] = infinity;
    if (!(width > 0)) continue;
    for (std::size_t k = 1; k + 1 < front.size(); ++k)
      crowding[front[k]] += (value(front[k + 1]) - value(front[k - 1])) / width;
  }
}

// Of two in lexicographic order, where only the first can dominate the second.
bool first_dominates(const Fitness& first, const Fitness& second) {
  for (std::size_t o = 1; o < first.size(); ++o)
    if (first[o] > second[o]) return false;
  return first != second;
}

// The fronts, each in lexicographic order: whoever dominates one has been placed before it.
std::vector<std::vector<std::size_t>> fronts_of(std::span<const Fitness> fitnesses) {
  std::vector<std::size_t> order(fitnesses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return fitnesses[a] != fitnesses[b] ? fitnesses[a] < fitnesses[b] : a < b;
  });
  std::vector<std::vector<std::size_t>> fronts;
  for (const std::size_t one : order) {
    const auto has_no_better = [&](const std::vector<std::size_t>& front) {
      return std::none_of(front.rbegin(), front.rend(),
                          [&](std::size_t other) { return first_dominates(fitnesses[other], fitnesses[one]); });
    };
    auto front = std::find_if(fronts.begin(), fronts.end(), has_no_better);
    if (front == fronts.end()) front = fronts.emplace(fronts.end());
    front->push_back(one);
  }
  return fronts;
}

}  // namespace

Ranking rank(std::span<const Fitness> fitnesses) {
  Ranking ranking{std::vector<std::size_t>(fitnesses.size(), 0), std::vector<double>(fitnesses.size(), 0.0)};
  if (fitnesses.size() < 2) return ranking;
  std::vector<std::vector<std::size_t>> fronts = fronts_of(fitnesses);
  for (std::size_t f = 0; f < fronts.size(); ++f) {
    for (const std::size_t one : fronts[f]) ranking.rank[one] = f;
    add_crowding(fitnesses, std::move(fronts[f]), ranking.crowding);
  }
  return ranking;
}

std::vector<std::size_t> best(std::span<const Fitness> fitnesses, std::size_t count) {
  const Ranking ranking = rank(fitnesses);
  std::vector<std::size_t> order(fitnesses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return ranking.rank[a] != ranking.rank[b] ? ranking.rank[a] < ranking.rank[b]
                                              : ranking.crowding[a] > ranking.crowding[b];
  });
  order.resize(std::min(order.size(), count));
  return order;
}

std::size_t tournament(const Ranking& ranking, Rng& rng) {
  const std::size_t a = rng.below(ranking.rank.size()), b = rng.below(ranking.rank.size());
  if (ranking.rank[a] != ranking.rank[b]) return ranking.rank[a] < ranking.rank[b] ? a : b;
  return ranking.crowding[a] >= ranking.crowding[b] ? a : b;
}

}  // namespace dse::search
