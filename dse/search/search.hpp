// A search: seeds, generations, checkpoints. Knows neither files nor databases.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dse/search/algorithm.hpp"
#include "dse/search/evaluator.hpp"

namespace dse::search {

struct SearchOptions {
  std::vector<Objective> objectives;
  std::vector<Limit> limits;
  std::string algorithm = "dse";
  std::int64_t evaluations = 1;  // budget of distinct mappings
  std::size_t population = 100;
  std::uint64_t seed = 1;
  int threads = 1;
  double target_hypervolume = 0;  // ends the search where hypervolume() is at least that; 0: never
  std::int64_t stagnation =
      0;                  // ends it where hypervolume() grew by less than a thousandth in so many generations; 0: never
  bool keep_all = false;  // take_kept() has every mapping that was evaluated
};

enum class Ending { none, budget, target, stagnation, nothing_new, all_seen };
std::string_view to_string(Ending ending);  // for people: "the budget is spent"

class Search {
 public:
  // `ideal`: a value for each objective (minimised form) that nothing beats. The evaluator and the space must outlive
  // the search.
  Search(const Evaluator& evaluator, const Space& space, const SearchOptions& options, Fitness ideal);

  // Generation 0: evaluates the seeds and takes the best of them as the population.
  void start(const std::vector<Genome>& seeds);
  // Goes on from state(), which was taken at a generation's end; Error(database, SEARCH-STATE) where it does not fit.
  void resume(const std::string& state);
  std::string state() const;

  // For a search on several islands. The population's best; mappings of others that join the population; mappings of
  // others that are only recorded. Neither counts as an evaluation.
  std::vector<Genome> emigrants(std::size_t count) const;
  void welcome(const std::vector<Genome>& immigrants);
  void adopt(const std::vector<Genome>& found_elsewhere);

  bool finished() const { return ending() != Ending::none; }
  Ending ending() const;
  void step();  // one generation
  // Evaluated since the last call, in order; empty unless keep_all.
  std::vector<FrontEntry> take_kept() { return evaluations_.take_kept(); }

  std::int64_t generation() const { return generation_; }
  const Evaluations& evaluations() const { return evaluations_; }
  const Front& front() const { return evaluations_.front(); }
  bool exact() const { return algorithm_->exact() && algorithm_->finished(evaluations_); }
  const Fitness& ideal() const { return ideal_; }
  // Fixed after generation 0, just beyond the worst value of each objective among the seeds.
  const Fitness& reference() const { return reference_; }
  double hypervolume() const;

 private:
  void look_at_hypervolume();

  SearchOptions options_;
  Fitness ideal_, reference_;
  Evaluations evaluations_;
  std::unique_ptr<Algorithm> algorithm_;
  std::vector<Member> population_;
  std::int64_t generation_ = 0;
  std::int64_t stalled_ = 0;  // generations in a row that evaluated nothing new
  Ending ended_ = Ending::none;
  std::int64_t next_look_ = 0;      // at this count of evaluations the target is looked for
  double hypervolume_before_ = -1;  // when stagnation was looked for last
};

}  // namespace dse::search
