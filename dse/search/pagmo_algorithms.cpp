// pagmo's own multi-objective algorithms over the Carrier, for comparison. Each call of one begins with a seed of its
// own and keeps nothing but the population, so that they too can be resumed.
#include <algorithm>
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/maco.hpp>
#include <pagmo/algorithms/moead.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/algorithms/nspso.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>

#include "dse/search/algorithm.hpp"
#include "dse/search/pagmo_problem.hpp"
#include "dse/search/rng.hpp"

namespace dse::search {
namespace {

struct Call {
  unsigned generations = 1, seed = 0;
  std::size_t members = 0, genes = 0;
};

// Swarms and ants remember best positions and pheromones within a call only: several generations each.
constexpr unsigned generations_with_memory = 10;

pagmo::algorithm nsga2(const Call& call) {
  pagmo::nsga2 algorithm(call.generations, 0.95, 10., 1. / static_cast<double>(call.genes), 50., call.seed);
  algorithm.set_bfe(pagmo::bfe(pagmo::member_bfe()));
  return pagmo::algorithm(std::move(algorithm));
}

pagmo::algorithm nspso(const Call& call) {
  pagmo::nspso algorithm(call.generations, 0.6, 2.0, 2.0, 1.0, 0.5, 60u, "crowding distance", false, call.seed);
  algorithm.set_bfe(pagmo::bfe(pagmo::member_bfe()));
  return pagmo::algorithm(std::move(algorithm));
}

// One mapping at a time: pagmo 2.18 has no version of it that evaluates batches.
pagmo::algorithm moead(const Call& call) {
  const std::size_t neighbours = std::min<std::size_t>(20, call.members - 1);
  return pagmo::algorithm(pagmo::moead(call.generations, "low discrepancy", "tchebycheff", neighbours, 1.0, 0.5, 20.,
                                       0.9, 2u, true, call.seed));
}

pagmo::algorithm maco(const Call& call) {
  const auto ants = static_cast<unsigned>(std::min<std::size_t>(63, call.members));
  pagmo::maco algorithm(call.generations, ants, 1.0, 1u, 7u, 100000u, 0., false, call.seed);
  algorithm.set_bfe(pagmo::bfe(pagmo::member_bfe()));
  return pagmo::algorithm(std::move(algorithm));
}

template <pagmo::algorithm (*Make)(const Call&), unsigned Generations>
class PagmoAlgorithm : public Algorithm {
 public:
  explicit PagmoAlgorithm(const AlgorithmSetup& setup) : setup_(setup) {}

  std::vector<Member> evolve(std::vector<Member> population, Evaluations& evaluations,
                             std::uint64_t generation) override {
    // NSGA-II wants at least 8 members, and a multiple of 4.
    const std::size_t wanted = std::max<std::size_t>(8, (population.size() + 3) / 4 * 4);
    for (std::size_t i = 0; population.size() < wanted; ++i) population.push_back(population[i]);
    const auto left = static_cast<std::size_t>(evaluations.remaining()) / wanted + 1;
    const Call call{static_cast<unsigned>(std::min<std::size_t>(Generations, left)),
                    static_cast<unsigned>(mix(setup_.seed, generation)), wanted, Carrier::size(evaluations.space())};
    return to_members(Make(call).evolve(to_population(population, evaluations)), evaluations);
  }

 private:
  AlgorithmSetup setup_;
};

template <pagmo::algorithm (*Make)(const Call&), unsigned Generations>
std::unique_ptr<Algorithm> make(const AlgorithmSetup& setup) {
  return std::make_unique<PagmoAlgorithm<Make, Generations>>(setup);
}

}  // namespace

std::unique_ptr<Algorithm> make_nsga2(const Space&, std::int64_t, const AlgorithmSetup& setup) {
  return make<nsga2, 1>(setup);
}
std::unique_ptr<Algorithm> make_nspso(const Space&, std::int64_t, const AlgorithmSetup& setup) {
  return make<nspso, generations_with_memory>(setup);
}
std::unique_ptr<Algorithm> make_moead(const Space&, std::int64_t, const AlgorithmSetup& setup) {
  return make<moead, 1>(setup);
}
std::unique_ptr<Algorithm> make_maco(const Space&, std::int64_t, const AlgorithmSetup& setup) {
  return make<maco, generations_with_memory>(setup);
}

}  // namespace dse::search
