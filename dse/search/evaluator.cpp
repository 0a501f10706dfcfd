#include "dse/search/evaluator.hpp"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>

namespace dse::search {
namespace {

// Above every objective in SI units, and far enough below the largest double for sums of squares.
constexpr double infeasible_floor = 1e30;

// The violation of candidates whose violation has no measure.
constexpr double no_measure = 1e12;

constexpr std::size_t most_remembered = 100'000;  // fitnesses

constexpr Objective every_objective[] = {Objective::latency,      Objective::period,     Objective::energy_max,
                                         Objective::energy_sum,   Objective::memory_max, Objective::devices,
                                         Objective::survivability};

// An infeasible estimate must violate by something, and by something finite.
void make_consistent(Estimate& estimate, std::span<const Objective> objectives) {
  const bool finite = std::all_of(objectives.begin(), objectives.end(),
                                  [&](Objective o) { return std::isfinite(objective_value(estimate, o)); });
  if (estimate.feasible && !finite) {
    estimate.feasible = false;
    estimate.reason = "its estimate is not finite";
  }
  if (estimate.feasible) return;
  // Candidates that cannot be lowered have no figures, and no measure of how far they are off: behind all that have
  // one.
  const bool without_figures = !finite || !(estimate.latency_s > 0);
  if (without_figures || !(estimate.violation > 0) || !std::isfinite(estimate.violation))
    estimate.violation = no_measure;
}

}  // namespace

Estimate EstimatorEvaluator::evaluate(const Genome& genome) const {
  thread_local std::vector<ReplicaRuns> runs;
  if (to_runs(genome, space_, runs))
    if (std::optional<Estimate> known = estimator_.tabulated(runs)) return *std::move(known);
  const Mapping mapping = to_mapping(genome, space_);
  if (std::optional<Estimate> known = estimator_.outlined(mapping)) return *std::move(known);
  return estimator_.estimate(mapping);
}

Fitness fitness_of(const Estimate& estimate, std::span<const Objective> objectives) {
  if (!estimate.feasible) return Fitness(objectives.size(), infeasible_floor * (1 + estimate.violation));
  Fitness fitness;
  for (Objective objective : objectives) fitness.push_back(objective_value(estimate, objective));
  return fitness;
}

bool is_feasible(const Fitness& fitness) { return !fitness.empty() && fitness.front() < infeasible_floor; }

struct Evaluations::Arena {
  explicit Arena(int threads) : arena(threads) {}
  tbb::task_arena arena;
};

Evaluations::Evaluations(const Evaluator& evaluator, const Space& space, Setup setup)
    : evaluator_(evaluator),
      space_(space),
      setup_(std::move(setup)),
      arena_(std::make_unique<Arena>(setup_.threads)),
      scale_(setup_.objectives.size(), 1.0) {}

Evaluations::~Evaluations() = default;
Evaluations::Evaluations(Evaluations&&) noexcept = default;

void Evaluations::set_scale(const Fitness& typical) {
  for (std::size_t o = 0; o < scale_.size(); ++o) scale_[o] = typical[o] != 0 ? std::abs(typical[o]) : 1;
}

std::vector<Estimate> Evaluations::estimate(std::span<const Genome* const> genomes) const {
  std::vector<Estimate> results(genomes.size());
  in_parallel(genomes.size(), [&](std::size_t i) {
    results[i] = evaluator_.evaluate(*genomes[i]);
    apply_limits(results[i], setup_.limits);
    make_consistent(results[i], setup_.objectives);
  });
  return results;
}

void Evaluations::in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) const {
  arena_->arena.execute([&] { tbb::parallel_for(std::size_t{0}, count, work); });
}

std::vector<Fitness> Evaluations::evaluate(std::span<const Genome> genomes) {
  // Those without a known fitness, each once. Genomes seen before whose fitness is not known any more are computed
  // again but not counted.
  if (memo_.size() > most_remembered) memo_.clear();
  std::vector<std::uint64_t> hashes;
  std::vector<const Genome*> unknown;
  std::vector<std::size_t> unknown_index;
  std::vector<bool> fresh;
  std::unordered_map<std::uint64_t, std::size_t> pending;
  for (std::size_t i = 0; i < genomes.size(); ++i) {
    hashes.push_back(hash(genomes[i]));
    if (memo_.contains(hashes[i]) || !pending.try_emplace(hashes[i], i).second) continue;
    fresh.push_back(seen_.insert(hashes[i]).second);
    unknown.push_back(&genomes[i]);
    unknown_index.push_back(i);
  }
  std::vector<Estimate> estimates = estimate(unknown);
  for (std::size_t k = 0; k < unknown.size(); ++k) {
    memo_[hashes[unknown_index[k]]] = fitness_of(estimates[k], setup_.objectives);
    if (!fresh[k]) continue;
    ++count_;
    record(*unknown[k], std::move(estimates[k]));
  }
  std::vector<Fitness> result;
  for (std::uint64_t key : hashes) result.push_back(memo_.at(key));
  return result;
}

std::vector<Fitness> Evaluations::adopt(std::span<const Genome> genomes) {
  const std::int64_t before = count_;
  std::vector<Fitness> result = evaluate(genomes);
  count_ = before;
  return result;
}

void Evaluations::record(const Genome& genome, Estimate&& estimate) {
  values_.clear();
  for (const Objective objective : setup_.objectives) values_.push_back(objective_value(estimate, objective));
  if (estimate.violation < no_measure) note_worst();
  if (setup_.keep_all) kept_.push_back({genome, values_, estimate, generation_});
  if (!estimate.feasible) {
    const bool better = !nearest_ || estimate.violation < nearest_->estimate.violation;
    if (extremes_.empty() && better) nearest_ = FrontEntry{genome, values_, std::move(estimate), generation_};
    return;
  }
  nearest_.reset();
  record_extremes(genome, estimate);
  if (!front_.covered(values_)) front_.insert({genome, values_, std::move(estimate), generation_});
}

void Evaluations::note_worst() {
  if (worst_.empty()) worst_ = values_;
  for (std::size_t o = 0; o < values_.size(); ++o) worst_[o] = std::max(worst_[o], values_[o]);
}

void Evaluations::record_extremes(const Genome& genome, const Estimate& estimate) {
  const auto entry = [&] { return FrontEntry{genome, values_, estimate, generation_}; };
  if (extremes_.empty()) extremes_.assign(std::size(every_objective), entry());
  for (std::size_t o = 0; o < extremes_.size(); ++o)
    if (objective_value(estimate, every_objective[o]) < objective_value(extremes_[o].estimate, every_objective[o]))
      extremes_[o] = entry();
}

std::vector<std::uint64_t> Evaluations::seen_hashes() const {
  std::vector<std::uint64_t> hashes;
  hashes.assign(seen_.begin(), seen_.end());
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

void Evaluations::restore(std::span<const std::uint64_t> hashes, std::int64_t count) {
  seen_.insert(hashes.begin(), hashes.end());
  count_ = count;
}

void Evaluations::restore_records(const Records& records) {
  const auto entries = [&](const std::vector<std::pair<Genome, std::int64_t>>& list) {
    std::vector<const Genome*> genomes;
    for (const auto& [genome, generation] : list) genomes.push_back(&genome);
    std::vector<Estimate> estimates = estimate(genomes);
    std::vector<FrontEntry> result;
    for (std::size_t i = 0; i < list.size(); ++i) {
      Fitness values;
      for (Objective objective : setup_.objectives) values.push_back(objective_value(estimates[i], objective));
      memo_[hash(list[i].first)] = fitness_of(estimates[i], setup_.objectives);
      result.push_back({list[i].first, std::move(values), std::move(estimates[i]), list[i].second});
    }
    return result;
  };
  for (FrontEntry& entry : entries(records.front)) front_.insert(std::move(entry));
  extremes_ = entries(records.extremes);
  std::vector<FrontEntry> nearest = entries(records.nearest);
  if (!nearest.empty()) nearest_ = std::move(nearest.front());
  worst_ = records.worst;
}

}  // namespace dse::search
