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
  // Epochs until all have finished or one wishes to stop: generations, then the exchange; a search that has just begun
  // exchanges its seeds first. States are taken after an exchange, so that a resumed search goes on with generations.
  // `ask` gives the wish after the generations, `note` is told of every epoch but the last, which is returned.
  template <class AskWish, class Note>
  Epoch run(bool resumed, const AskWish& ask, const Note& note) {
    if (resumed) evolve();
    Epoch epoch = exchange(ask());
    while (!epoch.over) {
      note(epoch);
      evolve();
      epoch = exchange(ask());
    }
    return epoch;
  }

 private:
  Epoch exchange(const Wish& wish);
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
