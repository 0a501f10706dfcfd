// "nsga2": pagmo's own NSGA-II over the Carrier, a generation at a time with a seed of its own, so that it too can be
// resumed.
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/batch_evaluators/member_bfe.hpp>
#include <pagmo/bfe.hpp>

#include "dse/search/algorithm.hpp"
#include "dse/search/pagmo_problem.hpp"
#include "dse/search/rng.hpp"

namespace dse::search {
namespace {

class Nsga2 : public Algorithm {
 public:
  explicit Nsga2(const AlgorithmSetup& setup) : setup_(setup) {}

  std::vector<Member> evolve(std::vector<Member> population, Evaluations& evaluations,
                             std::uint64_t generation) override {
    // pagmo wants at least 8 members, and a multiple of 4.
    const std::size_t wanted = std::max<std::size_t>(8, (population.size() + 3) / 4 * 4);
    for (std::size_t i = 0; population.size() < wanted; ++i) population.push_back(population[i]);
    pagmo::nsga2 nsga2(1u, 0.95, 10., 1. / static_cast<double>(Carrier::size(evaluations.space())), 50.,
                       static_cast<unsigned>(mix(setup_.seed, generation)));
    nsga2.set_bfe(pagmo::bfe(pagmo::member_bfe()));
    return to_members(pagmo::algorithm(nsga2).evolve(to_population(population, evaluations)), evaluations.space());
  }

 private:
  AlgorithmSetup setup_;
};

}  // namespace

std::unique_ptr<Algorithm> make_nsga2(const Space&, std::int64_t, const AlgorithmSetup& setup) {
  return std::make_unique<Nsga2>(setup);
}

}  // namespace dse::search
