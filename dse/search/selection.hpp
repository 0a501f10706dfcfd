// Ranking by non-domination, crowding and what a front would lose: which members survive, which become parents.
#pragma once

#include <span>
#include <vector>

#include "dse/search/evaluator.hpp"
#include "dse/search/rng.hpp"

namespace dse::search {

struct Ranking {
  std::vector<std::size_t> rank;  // 0: non-dominated
  std::vector<double> crowding;   // Deb's crowding distance inside the rank; the ends of a rank have infinity
};

// Efficient non-dominated sort with sequential search (Zhang, Tian, Cheng, Jin, IEEE Trans. Evol. Comput. 19(2), 2015).
Ranking rank(std::span<const Fitness> fitnesses);

// The `count` best of them: by rank; of the rank that does not fit as a whole, those without which the front would lose
// most. All of them where there are fewer.
std::vector<std::size_t> best(std::span<const Fitness> fitnesses, std::size_t count);

// Binary tournament: the better of two drawn at random.
std::size_t tournament(const Ranking& ranking, Rng& rng);

}  // namespace dse::search
