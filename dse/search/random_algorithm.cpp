// "random": no search at all.
#include "dse/search/algorithm.hpp"
#include "dse/search/seeds.hpp"

namespace dse::search {
namespace {

class Random : public Algorithm {
 public:
  explicit Random(const AlgorithmSetup& setup) : setup_(setup) {}

  std::vector<Member> evolve(std::vector<Member> population, Evaluations& evaluations,
                             std::uint64_t generation) override {
    Rng rng(setup_.seed, generation);
    const std::size_t wanted =
        std::min<std::size_t>(setup_.population, static_cast<std::size_t>(evaluations.remaining()));
    std::vector<Genome> genomes;
    for (std::size_t tries = 0; genomes.size() < wanted && tries < 20 * setup_.population; ++tries) {
      Genome genome = random_genome(evaluations.space(), rng);
      if (!evaluations.seen(genome)) genomes.push_back(std::move(genome));
    }
    evaluations.evaluate(genomes);
    return population;
  }

 private:
  AlgorithmSetup setup_;
};

}  // namespace

std::unique_ptr<Algorithm> make_random(const Space&, std::int64_t, const AlgorithmSetup& setup) {
  return std::make_unique<Random>(setup);
}

}  // namespace dse::search
