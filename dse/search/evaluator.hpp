// What the search minimises: an evaluator of one genome, and the one place where genomes are evaluated.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dse/search/front.hpp"
#include "dse/search/genome.hpp"
#include "dse/search/limits.hpp"
#include "estimator/estimate.hpp"

namespace dse::search {

// A pure function from a canonical genome to its estimate; thread-safe. What is wrong with a candidate is data
// (Estimate::feasible, reason, violation), never an exception.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual Estimate evaluate(const Genome& genome) const = 0;
};

// The one lowering and the estimator. Both arguments must outlive it.
class EstimatorEvaluator : public Evaluator {
 public:
  EstimatorEvaluator(const Estimator& estimator, const Space& space) : estimator_(estimator), space_(space) {}
  Estimate evaluate(const Genome& genome) const override;

 private:
  const Estimator& estimator_;
  const Space& space_;
};

// One value for each objective, to be minimised. Infeasible candidates get the same value above every feasible one for
// all objectives, growing with the violation: plain dominance over such vectors is Deb's rule (feasible before
// infeasible, less violation before more), so algorithms that know no constraints (pagmo's NSGA-II refuses them) follow
// it too.
using Fitness = std::vector<double>;
Fitness fitness_of(const Estimate& estimate, std::span<const Objective> objectives);
bool is_feasible(const Fitness& fitness);

struct Member {
  Genome genome;
  Fitness fitness;
  bool operator==(const Member&) const = default;
};

// The door through which every algorithm evaluates: counts distinct mappings, remembers fitnesses, evaluates what is
// new in parallel (TBB), and keeps all that is non-dominated. Of what it has seen it keeps no more than a hash. Results
// and records do not depend on the number of threads.
class Evaluations {
 public:
  struct Setup {
    std::vector<Objective> objectives;
    std::vector<Limit> limits;
    int threads = 1;
    std::int64_t budget = 1;  // distinct mappings
    bool keep_all = false;
  };
  // The evaluator and the space must outlive it.
  Evaluations(const Evaluator& evaluator, const Space& space, Setup setup);
  ~Evaluations();
  Evaluations(Evaluations&&) noexcept;

  // Fitness of each canonical genome, in order. New ones count even beyond the budget: callers clamp with remaining().
  std::vector<Fitness> evaluate(std::span<const Genome> genomes);
  // The same of genomes that were evaluated elsewhere: they are recorded, but not counted.
  std::vector<Fitness> adopt(std::span<const Genome> genomes);
  // Calls work(0) .. work(count - 1) on the search's threads, in any order.
  void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) const;
  // True where the genome was evaluated before, in this process or before a checkpoint.
  bool seen(const Genome& genome) const { return seen_.contains(hash(genome)); }

  std::int64_t count() const { return count_; }
  std::int64_t remaining() const { return std::max<std::int64_t>(0, setup_.budget - count_); }
  const Setup& setup() const { return setup_; }
  const Space& space() const { return space_; }
  const Front& front() const { return front_; }
  // The feasible genomes that are best in one objective each, also in objectives that are not searched for.
  const std::vector<FrontEntry>& extremes() const { return extremes_; }
  // The infeasible candidate that violates the constraints least; empty once something feasible was seen.
  const std::optional<FrontEntry>& nearest() const { return nearest_; }
  // The worst value of each objective among everything evaluated so far whose estimate is finite.
  const Fitness& worst() const { return worst_; }

  // What an objective is divided by where objectives are added to each other: 1 until it is set.
  const Fitness& scale() const { return scale_; }
  void set_scale(const Fitness& typical);

  void set_generation(std::int64_t generation) { generation_ = generation; }
  // Every mapping evaluated since the last call, in order; only where the setup says keep_all.
  std::vector<FrontEntry> take_kept() { return std::exchange(kept_, {}); }
  // A checkpoint's records: hashes that were evaluated before, and genomes whose estimates are computed again, not
  // counted.
  std::vector<std::uint64_t> seen_hashes() const;  // ascending
  void restore(std::span<const std::uint64_t> hashes, std::int64_t count);
  struct Records {
    std::vector<std::pair<Genome, std::int64_t>> front, extremes, nearest;  // with their generations
    Fitness worst;
  };
  void restore_records(const Records& records);

 private:
  std::vector<Estimate> estimate(std::span<const Genome* const> genomes) const;
  void record(const Genome& genome, Estimate&& estimate);
  void record_extremes(const Genome& genome, const Estimate& estimate);
  void note_worst();

  const Evaluator& evaluator_;
  const Space& space_;
  Setup setup_;
  struct Arena;
  std::unique_ptr<Arena> arena_;
  std::unordered_set<std::uint64_t> seen_;           // hashes
  std::unordered_map<std::uint64_t, Fitness> memo_;  // of some of them: forgotten now and then, and computed again
  Front front_;
  std::vector<FrontEntry> extremes_;
  std::optional<FrontEntry> nearest_;
  std::vector<FrontEntry> kept_;
  Fitness worst_, scale_;
  Fitness values_;  // of the candidate that is being recorded
  std::int64_t count_ = 0;
  std::int64_t generation_ = 0;
};

}  // namespace dse::search
