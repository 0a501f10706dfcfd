// The one interface of the search algorithms, and their registry.
//
// An algorithm turns a population into the next one, a generation at a time. All it draws comes from (seed, generation)
// and all it evaluates goes through Evaluations, so a search that is interrupted at a generation's end and resumed goes
// on as if nothing had happened: the population and the generation's number are its whole state.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dse/search/evaluator.hpp"

namespace dse::search {

struct AlgorithmSetup {
  std::uint64_t seed = 1;
  std::size_t population = 100;
};

class Algorithm {
 public:
  virtual ~Algorithm() = default;
  // `generation` counts from 1: generation 0 evaluates the seeds.
  virtual std::vector<Member> evolve(std::vector<Member> population, Evaluations& evaluations,
                                     std::uint64_t generation) = 0;
  // True where the search is over: the budget is spent, or nothing is left to propose.
  virtual bool finished(const Evaluations& evaluations) const { return evaluations.remaining() == 0; }
  // True where all that the space contains is evaluated once finished.
  virtual bool exact() const { return false; }
};

struct AlgorithmEntry {
  std::string_view name;
  std::string_view text;  // one line, for --help
  std::unique_ptr<Algorithm> (*make)(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);
};

const std::vector<AlgorithmEntry>& algorithms();
// Throws Error(usage, ALGORITHM) with a suggestion for an unknown name.
const AlgorithmEntry& algorithm_named(std::string_view name);

// The implementations. "dse" enumerates a space of at most `budget` mappings. "nsga2", "nspso", "moead" and "maco" are
// pagmo's, over the Carrier; their batches are evaluated by Evaluations. They may evaluate a population beyond the
// budget.
std::unique_ptr<Algorithm> make_dse(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);
std::unique_ptr<Algorithm> enumerate_whole(const Space& space, std::int64_t budget);  // null where the space is larger
std::unique_ptr<Algorithm> make_nsga2(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);
std::unique_ptr<Algorithm> make_nspso(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);
std::unique_ptr<Algorithm> make_moead(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);
std::unique_ptr<Algorithm> make_maco(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);
std::unique_ptr<Algorithm> make_random(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);
// The whole space where it has at most `budget` mappings; else every contiguous pipeline and every set of whole-network
// replicas, not exact; Error(usage, EXHAUSTIVE) where those are more than `budget` too.
std::unique_ptr<Algorithm> make_exhaustive(const Space& space, std::int64_t budget, const AlgorithmSetup& setup);

}  // namespace dse::search
