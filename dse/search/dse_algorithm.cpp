// "dse": elitist evolution with the problem's own operators. Parents by tournament on rank and crowding; children that
// were ever evaluated are drawn again, so that no evaluation is spent twice. It works on genomes: as pagmo's vectors
// they would be encoded and decoded for every generation, which takes longer than to evaluate them.
#include <unordered_set>

#include "dse/search/algorithm.hpp"
#include "dse/search/operators.hpp"
#include "dse/search/selection.hpp"

namespace dse::search {
namespace {

// Measured on synthetic pipelines: a child has two parents in nine cases of ten, and is mutated in seven.
constexpr double crossover_rate = 0.9, mutation_rate = 0.7;
constexpr std::size_t most_tries = 20;  // for a new child, on average

std::vector<Fitness> fitnesses_of(const std::vector<Member>& members) {
  std::vector<Fitness> result;
  for (const Member& member : members) result.push_back(member.fitness);
  return result;
}

class DseAlgorithm : public Algorithm {
 public:
  explicit DseAlgorithm(const AlgorithmSetup& setup) : setup_(setup) {}

  std::vector<Member> evolve(std::vector<Member> population, Evaluations& evaluations,
                             std::uint64_t generation) override {
    std::vector<Genome> fresh = children(population, evaluations, generation);
    std::vector<Fitness> fitnesses = evaluations.evaluate(fresh);
    for (std::size_t i = 0; i < fresh.size(); ++i) population.push_back({std::move(fresh[i]), std::move(fitnesses[i])});
    std::vector<Member> survivors;
    for (const std::size_t i : best(fitnesses_of(population), setup_.population))
      survivors.push_back(std::move(population[i]));
    return survivors;
  }

 private:
  std::vector<Genome> children(const std::vector<Member>& parents, const Evaluations& evaluations,
                               std::uint64_t generation) const;

  AlgorithmSetup setup_;
};

Genome child_of(const std::vector<Member>& parents, const Ranking& ranking, const Space& space, Rng& rng) {
  const Genome& first = parents[tournament(ranking, rng)].genome;
  const bool crossed = rng.chance(crossover_rate);
  Genome child = crossed ? combine(first, parents[tournament(ranking, rng)].genome, space, rng) : first;
  if (!crossed || rng.chance(mutation_rate)) vary(child, space, rng);
  return child;
}

// Drawn in rounds of as many as are still wanted, each from numbers of its own.
std::vector<Genome> DseAlgorithm::children(const std::vector<Member>& parents, const Evaluations& evaluations,
                                           std::uint64_t generation) const {
  const Ranking ranking = rank(fitnesses_of(parents));
  const std::size_t wanted =
      std::min<std::size_t>(setup_.population, static_cast<std::size_t>(evaluations.remaining()));
  std::vector<Genome> result, drawn;
  std::unordered_set<std::uint64_t> known;
  for (std::size_t tries = 0; result.size() < wanted && tries < most_tries * setup_.population;) {
    drawn.resize(wanted - result.size());
    evaluations.in_parallel(drawn.size(), [&](std::size_t i) {
      Rng rng(setup_.seed, generation, tries + i);
      drawn[i] = child_of(parents, ranking, evaluations.space(), rng);
    });
    tries += drawn.size();
    for (Genome& child : drawn)
      if (!evaluations.seen(child) && known.insert(hash(child)).second) result.push_back(std::move(child));
  }
  return result;
}

}  // namespace

std::unique_ptr<Algorithm> make_dse(const Space& space, std::int64_t budget, const AlgorithmSetup& setup) {
  if (auto whole = enumerate_whole(space, budget)) return whole;
  return std::make_unique<DseAlgorithm>(setup);
}

}  // namespace dse::search
