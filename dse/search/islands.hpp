// A search on several islands: each evolves a population of its own, and after every epoch sends its best to the next
// one. Island 0 gathers all fronts. What comes out depends on the seed and the number of islands, not on when who runs.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "dse/search/archipelago.hpp"
#include "dse/search/search.hpp"

namespace dse::search {

// What one island does of a search that is asked for: its share of the budget, and a seed of its own.
SearchOptions island_options(SearchOptions options, const Archipelago& sea);

class Islands {
 public:
  Islands(Search& search, Archipelago& sea) : search_(search), sea_(sea) {}

  struct Wish {
    bool stop = false;        // end all islands after this epoch
    bool checkpoint = false;  // island 0: gather all states
  };
  struct Epoch {
    bool over = false;             // all have finished, or one wishes to stop
    bool stopped = false;          // one does
    std::int64_t evaluations = 0;  // of all islands
    std::string state;             // island 0, where it wished for a checkpoint: of all islands
  };
  // Some generations, then the exchange. `wish` is asked after the generations. All islands call it equally often.
  template <class AskWish>
  Epoch run(const AskWish& ask) {
    evolve();
    return exchange(ask());
  }
  // Only the exchange: of the seeds, or after a resumption nothing new.
  Epoch exchange(const Wish& wish);

 private:
  void evolve();

  Search& search_;
  Archipelago& sea_;
  std::unordered_set<std::uint64_t> sent_;  // hashes of front members that island 0 knows
};

// The states of all islands in one text, and back. Throws Error(usage, RESUME-ISLANDS) where they were another number:
// a search that was alone counts as one.
std::string join_states(const std::vector<std::string>& states);
std::vector<std::string> part_states(const std::string& state, int islands);

}  // namespace dse::search
