// A search on several islands, which are threads here; tests/cli starts real ones over MPI.
#include <doctest/doctest.h>

#include <barrier>
#include <thread>

#include "base/error.hpp"
#include "dse/search/islands.hpp"
#include "dse/search/seeds.hpp"
#include "tests/dse/search_model.hpp"

using namespace dse;
using namespace dse::search;

namespace {

// What the islands of one search share.
struct Sea {
  explicit Sea(int islands) : barrier(islands), texts(static_cast<std::size_t>(islands)) {}
  std::barrier<> barrier;
  std::vector<std::string> texts;
};

class ThreadIsland : public Archipelago {
 public:
  ThreadIsland(Sea& sea, int rank) : sea_(sea), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(sea_.texts.size()); }
  std::vector<std::string> gather_all(const std::string& text) override {
    sea_.texts[static_cast<std::size_t>(rank_)] = text;
    sea_.barrier.arrive_and_wait();
    std::vector<std::string> all = sea_.texts;
    sea_.barrier.arrive_and_wait();
    return all;
  }

 private:
  Sea& sea_;
  int rank_;
};

using Digest = std::vector<std::pair<Genome, std::vector<double>>>;

struct Outcome {
  Digest front;
  std::int64_t evaluations = 0;
  std::string state;  // of all islands, when it ended
};

struct Plan {
  int islands = 3;
  int stop_after = 0;      // epochs; 0: to the end
  std::string state = {};  // to resume from
  int slow = -1;           // an island that always comes last
};

Outcome explore(const Plan& plan) {
  const Space space = make_space(25, 4);
  const ChainModel model(space, 3);
  Sea sea(plan.islands);
  Outcome outcome;
  const auto live = [&](int rank) {
    ThreadIsland island(sea, rank);
    SearchOptions asked;
    asked.objectives = model_objectives;
    asked.evaluations = 3001;
    asked.population = 20;
    const SearchOptions options = island_options(asked, island);
    Search search(model, space, options, Fitness(asked.objectives.size(), 0.0));
    int epochs = 0;
    const auto wish = [&] {
      if (rank == plan.slow) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      return Islands::Wish{rank == 1 && ++epochs == plan.stop_after, false};
    };
    Islands islands(search, island);
    const bool resumed = !plan.state.empty();
    if (resumed)
      search.resume(part_states(plan.state, plan.islands)[static_cast<std::size_t>(rank)]);
    else
      search.start(
          seeds(space, model.costs(), asked.population, static_cast<std::size_t>(options.evaluations), options.seed));
    const Islands::Epoch epoch = islands.run(resumed, wish, [](const Islands::Epoch&) {});
    if (rank > 0) return;
    for (const FrontEntry& entry : search.front().entries()) outcome.front.emplace_back(entry.genome, entry.values);
    outcome.evaluations = epoch.evaluations;
    outcome.state = epoch.state;
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < plan.islands; ++rank) threads.emplace_back(live, rank);
  for (std::thread& thread : threads) thread.join();
  return outcome;
}

}  // namespace

TEST_CASE("islands find the same front however they are scheduled, and share the budget") {
  const Outcome one = explore({});
  CHECK(one.evaluations == 3001);
  CHECK(one.front.size() > 10);
  CHECK(explore({.slow = 0}).front == one.front);
  CHECK(explore({.slow = 2}).front == one.front);
  CHECK(explore({.islands = 2}).front != one.front);
}

TEST_CASE("islands that were stopped go on to the front of those that were not") {
  const Outcome whole = explore({});
  for (const int epochs : {1, 3}) {
    const Outcome stopped = explore({.stop_after = epochs});
    REQUIRE(stopped.evaluations < whole.evaluations);
    const Outcome resumed = explore({.state = stopped.state});
    CHECK(resumed.evaluations == whole.evaluations);
    CHECK(resumed.front == whole.front);
  }
}

TEST_CASE("islands are resumed in the number that they were") {
  const std::string three = join_states({"{}", "{}", "{}"});
  CHECK(part_states(three, 3).size() == 3);
  CHECK(part_states("{}", 1).size() == 1);
  for (const auto& [state, islands] : {std::pair{three, 1}, std::pair{three, 2}, std::pair{std::string("{}"), 2}}) {
    try {
      part_states(state, islands);
      FAIL("was taken");
    } catch (const Error& error) {
      CHECK(error.code() == "RESUME-ISLANDS");
    }
  }
  CHECK_THROWS_AS(part_states("[", 1), Error);
}
