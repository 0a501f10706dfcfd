#include "dse/search/search.hpp"

#include "dse/search/selection.hpp"

namespace dse::search {
namespace {

// An algorithm that proposed nothing new for so long has seen its neighbourhood.
constexpr std::int64_t patience = 20;

}  // namespace

Search::Search(const Evaluator& evaluator, const Space& space, const SearchOptions& options, Fitness ideal)
    : options_(options),
      ideal_(std::move(ideal)),
      evaluations_(evaluator, space, {options.objectives, options.limits, options.threads, options.evaluations}),
      algorithm_(
          algorithm_named(options.algorithm).make(space, options.evaluations, {options.seed, options.population})) {}

void Search::start(const std::vector<Genome>& seeds) {
  const std::vector<Fitness> fitnesses = evaluations_.evaluate(seeds);
  for (std::size_t i : best(fitnesses, options_.population)) population_.push_back({seeds[i], fitnesses[i]});
  for (std::size_t o = 0; o < options_.objectives.size(); ++o) {
    const double worst = evaluations_.worst().empty() ? ideal_[o] : evaluations_.worst()[o];
    // A tenth of the width beyond the worst, so that points as bad as the worst in one objective still count.
    const double width = std::max(worst - ideal_[o], std::abs(worst) * 1e-3);
    reference_.push_back(worst + 0.1 * (width > 0 ? width : 1));
  }
  evaluations_.set_scale(reference_);
}

bool Search::finished() const { return stalled_ >= patience || algorithm_->finished(evaluations_); }

void Search::step() {
  const std::int64_t before = evaluations_.count();
  ++generation_;
  evaluations_.set_generation(generation_);
  population_ = algorithm_->evolve(std::move(population_), evaluations_, static_cast<std::uint64_t>(generation_));
  stalled_ = evaluations_.count() > before ? 0 : stalled_ + 1;
}

double Search::hypervolume() const { return search::hypervolume(front().entries(), ideal_, reference_); }

}  // namespace dse::search
