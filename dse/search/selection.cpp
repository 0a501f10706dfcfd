#include "dse/search/selection.hpp"

#include <algorithm>
#include <cmath>
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

namespace {

// A front's values, one objective after another for each member: between 0, the least, and 1, the most, on a
// logarithmic scale where all are above 0: twice the latency is as far from the knee as twice the memory.
std::vector<double> normalised(std::span<const Fitness> fitnesses, std::span<const std::size_t> front) {
  const std::size_t objectives = fitnesses.front().size();
  std::vector<double> values(front.size() * objectives);
  for (std::size_t o = 0; o < objectives; ++o) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const std::size_t one : front) {
      low = std::min(low, fitnesses[one][o]);
      high = std::max(high, fitnesses[one][o]);
    }
    if (!(high > low)) continue;
    const bool logarithmic = low > 0;
    const double width = logarithmic ? std::log(high / low) : high - low;
    for (std::size_t k = 0; k < front.size(); ++k) {
      const double value = fitnesses[front[k]][o];
      values[k * objectives + o] = (logarithmic ? std::log(value / low) : value - low) / width;
    }
  }
  return values;
}

// The `count` members of a front without which least would be lost: time and again goes the one that the others come
// nearest to dominating (additive epsilon indicator, scaled by 0.05: IBEA, Zitzler and Künzli, PPSN 2004). Crowding
// distances say little where there are four objectives and nearly everybody is non-dominated.
std::vector<std::size_t> thinned(std::span<const Fitness> fitnesses, const std::vector<std::size_t>& front,
                                 std::size_t count) {
  constexpr double scale = 0.05;
  const std::size_t size = front.size(), objectives = fitnesses.front().size();
  const std::vector<double> values = normalised(fitnesses, front);
  std::vector<double> losses(size * size, 0.0), loss(size, 0.0);  // [one][other]: what one loses by the other
  for (std::size_t one = 0; one < size; ++one)
    for (std::size_t other = 0; other < size; ++other) {
      if (one == other) continue;
      double shift = -1;  // of the other, so that it dominates
      for (std::size_t o = 0; o < objectives; ++o)
        shift = std::max(shift, values[other * objectives + o] - values[one * objectives + o]);
      losses[one * size + other] = std::exp(-shift / scale);
      loss[one] += losses[one * size + other];
    }
  std::vector<std::size_t> left(size);
  std::iota(left.begin(), left.end(), std::size_t{0});
  while (left.size() > count) {
    const auto gone = std::max_element(left.begin(), left.end(), [&](auto a, auto b) { return loss[a] < loss[b]; });
    const std::size_t other = *gone;
    left.erase(gone);
    for (const std::size_t one : left) loss[one] -= losses[one * size + other];
  }
  for (std::size_t& one : left) one = front[one];
  return left;
}

// Of larger fronts the indicator's table would not fit into the caches.
constexpr std::size_t most_thinned = 1024;

std::vector<std::size_t> least_crowded(std::span<const Fitness> fitnesses, std::vector<std::size_t> front,
                                       std::size_t count) {
  std::vector<double> crowding(fitnesses.size(), 0.0);
  add_crowding(fitnesses, front, crowding);
  std::stable_sort(front.begin(), front.end(), [&](auto a, auto b) { return crowding[a] > crowding[b]; });
  front.resize(count);
  return front;
}

}  // namespace

std::vector<std::size_t> best(std::span<const Fitness> fitnesses, std::size_t count) {
  std::vector<std::size_t> kept;
  for (const std::vector<std::size_t>& front : fronts_of(fitnesses)) {
    const std::size_t room = count - kept.size();
    const std::vector<std::size_t> fits = front.size() <= room           ? front
                                          : front.size() <= most_thinned ? thinned(fitnesses, front, room)
                                                                         : least_crowded(fitnesses, front, room);
    kept.insert(kept.end(), fits.begin(), fits.end());
    if (kept.size() >= count) break;
  }
  return kept;
}

std::size_t tournament(const Ranking& ranking, Rng& rng) {
  const std::size_t a = rng.below(ranking.rank.size()), b = rng.below(ranking.rank.size());
  if (ranking.rank[a] != ranking.rank[b]) return ranking.rank[a] < ranking.rank[b] ? a : b;
  return ranking.crowding[a] >= ranking.crowding[b] ? a : b;
}

}  // namespace dse::search
