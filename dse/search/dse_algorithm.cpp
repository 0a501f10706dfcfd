// "dse": elitist evolution with the problem's own operators, as a pagmo user-defined algorithm. Parents by tournament
// on rank and crowding; children that were ever evaluated are drawn again, so that no evaluation is spent twice.
#include <pagmo/algorithm.hpp>

#include "dse/search/algorithm.hpp"
#include "dse/search/operators.hpp"
#include "dse/search/pagmo_problem.hpp"
#include "dse/search/selection.hpp"

namespace dse::search {
namespace {

// Measured on synthetic pipelines: a child has two parents in nine cases of ten, and is mutated in seven.
constexpr double crossover_rate = 0.9, mutation_rate = 0.7;

struct DseEvolution {
  std::uint64_t seed = 1, generation = 1;
  std::size_t size = 100;

  pagmo::population evolve(pagmo::population population) const;
  std::string get_name() const { return "dse"; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& seed& generation& size;
  }

 private:
  std::vector<Genome> children(const std::vector<Member>& parents, const Evaluations& evaluations) const;
};

std::vector<Fitness> fitnesses_of(const std::vector<Member>& members) {
  std::vector<Fitness> result;
  for (const Member& member : members) result.push_back(member.fitness);
  return result;
}

std::vector<Genome> DseEvolution::children(const std::vector<Member>& parents, const Evaluations& evaluations) const {
  const Space& space = evaluations.space();
  Rng rng(seed, generation);
  const Ranking ranking = rank(fitnesses_of(parents));
  const std::size_t wanted = std::min<std::size_t>(size, static_cast<std::size_t>(evaluations.remaining()));
  std::vector<Genome> result;
  std::vector<std::uint64_t> drawn;
  for (std::size_t tries = 0; result.size() < wanted && tries < 20 * size; ++tries) {
    Genome child = parents[tournament(ranking, rng)].genome;
    const bool crossed = rng.chance(crossover_rate);
    if (crossed) child = combine(child, parents[tournament(ranking, rng)].genome, space, rng);
    if (!crossed || rng.chance(mutation_rate)) vary(child, space, rng);
    const std::uint64_t key = hash(child);
    if (evaluations.seen(child) || std::find(drawn.begin(), drawn.end(), key) != drawn.end()) continue;
    drawn.push_back(key);
    result.push_back(std::move(child));
  }
  return result;
}

pagmo::population DseEvolution::evolve(pagmo::population population) const {
  Evaluations& evaluations = *population.get_problem().extract<PagmoProblem>()->evaluations;
  std::vector<Member> members = to_members(population, evaluations.space());
  std::vector<Genome> fresh = children(members, evaluations);
  const std::vector<Fitness> fitnesses = evaluations.evaluate(fresh);
  for (std::size_t i = 0; i < fresh.size(); ++i) members.push_back({std::move(fresh[i]), fitnesses[i]});
  std::vector<Member> survivors;
  for (std::size_t i : best(fitnesses_of(members), size)) survivors.push_back(std::move(members[i]));
  return to_population(survivors, evaluations);
}

class DseAlgorithm : public Algorithm {
 public:
  explicit DseAlgorithm(const AlgorithmSetup& setup) : setup_(setup) {}

  std::vector<Member> evolve(std::vector<Member> population, Evaluations& evaluations,
                             std::uint64_t generation) override {
    const pagmo::algorithm algorithm(DseEvolution{setup_.seed, generation, setup_.population});
    return to_members(algorithm.evolve(to_population(population, evaluations)), evaluations.space());
  }

 private:
  AlgorithmSetup setup_;
};

}  // namespace

std::unique_ptr<Algorithm> make_dse(const Space& space, std::int64_t budget, const AlgorithmSetup& setup) {
  if (auto whole = enumerate_whole(space, budget)) return whole;
  return std::make_unique<DseAlgorithm>(setup);
}

}  // namespace dse::search
