// A search: seeds, generations, checkpoints. Knows neither files nor databases.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
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
};

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

  bool finished() const;
  void step();  // one generation

  std::int64_t generation() const { return generation_; }
  const Evaluations& evaluations() const { return evaluations_; }
  const Front& front() const { return evaluations_.front(); }
  bool exact() const { return algorithm_->exact() && algorithm_->finished(evaluations_); }
  const Fitness& ideal() const { return ideal_; }
  // Fixed after generation 0, just beyond the worst value of each objective among the seeds.
  const Fitness& reference() const { return reference_; }
  double hypervolume() const;

 private:
  SearchOptions options_;
  Fitness ideal_, reference_;
  Evaluations evaluations_;
  std::unique_ptr<Algorithm> algorithm_;
  std::vector<Member> population_;
  std::int64_t generation_ = 0;
  std::int64_t stalled_ = 0;  // generations in a row that evaluated nothing new
};

}  // namespace dse::search
