// Writes a running search into the archive.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "dse/archive/archive.hpp"
#include "dse/search/search.hpp"

namespace dse::search {

class Recorder {
 public:
  // The references must outlive it. What the run already holds is read, so that a resumed run goes on where it stopped.
  Recorder(archive::Archive& archive, std::int64_t run, const Network& network, const Platform& platform,
           const Space& space);

  // True where a checkpoint is worth its time: at least a second after the last one, and at least twenty times what
  // that took.
  bool due() const;
  // One transaction: new candidates (the front, the best in each objective, and while nothing is feasible the nearest
  // miss; every one that was evaluated where the search keeps all), those that left the front, counters and state.
  // `seconds`: of searching, in all. `state`, `evaluations`: of all islands, where there are several.
  void checkpoint(Search& search, double seconds) {
    checkpoint(search, seconds, search.state(), search.evaluations().count());
  }
  void checkpoint(Search& search, double seconds, std::string state, std::int64_t evaluations);

 private:
  using Clock = std::chrono::steady_clock;
  const std::string& text_of(const Genome& genome);
  archive::NewCandidate candidate(const FrontEntry& entry, bool on_front);

  archive::Archive& archive_;
  std::int64_t run_;
  const Network& network_;
  const Platform& platform_;
  const Space& space_;
  std::unordered_map<std::uint64_t, std::string>
      texts_;                                 // mapping JSON of what stood in the last checkpoint, by genome
  std::unordered_set<std::size_t> stored_;    // hashes of the mapping JSON of stored candidates
  std::unordered_set<std::string> on_front_;  // mapping JSON of those that are marked so
  Clock::time_point last_ = Clock::now();
  Clock::duration cost_{};
};

}  // namespace dse::search
