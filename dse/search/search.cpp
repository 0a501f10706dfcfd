#include "dse/search/search.hpp"

#include <algorithm>

#include "dse/search/selection.hpp"

namespace dse::search {
namespace {

// An algorithm that proposed nothing new for so long has seen its neighbourhood.
constexpr std::int64_t patience = 20;

// Less than that, as a share of the hypervolume, is no progress.
constexpr double least_progress = 1e-3;

}  // namespace

Search::Search(const Evaluator& evaluator, const Space& space, const SearchOptions& options, Fitness ideal)
    : options_(options),
      ideal_(std::move(ideal)),
      evaluations_(evaluator, space,
                   {options.objectives, options.limits, options.threads, options.evaluations, options.keep_all}),
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

std::vector<Genome> Search::emigrants(std::size_t count) const {
  std::vector<Fitness> fitnesses;
  for (const Member& member : population_) fitnesses.push_back(member.fitness);
  std::vector<Genome> result;
  for (const std::size_t i : best(fitnesses, count)) result.push_back(population_[i].genome);
  return result;
}

void Search::welcome(const std::vector<Genome>& immigrants) {
  const std::vector<Fitness> fitnesses = evaluations_.adopt(immigrants);
  std::vector<Member> members = std::move(population_);
  const std::size_t size = members.size();
  for (std::size_t i = 0; i < immigrants.size(); ++i) {
    const Member one{immigrants[i], fitnesses[i]};
    if (std::find(members.begin(), members.end(), one) == members.end()) members.push_back(one);
  }
  std::vector<Fitness> all;
  for (const Member& member : members) all.push_back(member.fitness);
  population_.clear();
  for (const std::size_t i : best(all, size)) population_.push_back(std::move(members[i]));
}

void Search::adopt(const std::vector<Genome>& found_elsewhere) { evaluations_.adopt(found_elsewhere); }

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::none:
      return "it goes on";
    case Ending::budget:
      return "the budget is spent";
    case Ending::target:
      return "the hypervolume that was asked for is reached";
    case Ending::stagnation:
      return "the hypervolume has stopped growing";
    case Ending::nothing_new:
      return "nothing new was proposed for a long time";
    case Ending::all_seen:
      return "every mapping of the space was tried";
  }
  return "";
}

Ending Search::ending() const {
  if (ended_ != Ending::none) return ended_;
  if (algorithm_->finished(evaluations_)) return exact() ? Ending::all_seen : Ending::budget;
  return stalled_ >= patience ? Ending::nothing_new : Ending::none;
}

void Search::step() {
  const std::int64_t before = evaluations_.count();
  ++generation_;
  evaluations_.set_generation(generation_);
  population_ = algorithm_->evolve(std::move(population_), evaluations_, static_cast<std::uint64_t>(generation_));
  stalled_ = evaluations_.count() > before ? 0 : stalled_ + 1;
  look_at_hypervolume();
}

// At moments that depend on counts only, never on time; for the target less and less often, since the hypervolume of a
// long front takes longer than a generation.
void Search::look_at_hypervolume() {
  constexpr std::int64_t looks = 20;  // per doubling, about
  const std::int64_t count = evaluations_.count();
  if (options_.target_hypervolume > 0 && count >= next_look_) {
    next_look_ = count + count / looks;
    if (hypervolume() >= options_.target_hypervolume) ended_ = Ending::target;
  }
  if (options_.stagnation > 0 && generation_ % options_.stagnation == 0) {
    const double now = hypervolume();
    if (hypervolume_before_ >= 0 && now - hypervolume_before_ < least_progress * now) ended_ = Ending::stagnation;
    hypervolume_before_ = now;
  }
}

double Search::hypervolume() const { return search::hypervolume(front().entries(), ideal_, reference_); }

}  // namespace dse::search
