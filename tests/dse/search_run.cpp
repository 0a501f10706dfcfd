#include <doctest/doctest.h>

#include <set>

#include "base/error.hpp"
#include "dse/search/bounds.hpp"
#include "dse/search/enumeration.hpp"
#include "dse/search/search.hpp"
#include "dse/search/seeds.hpp"
#include "dse/search/selection.hpp"
#include "tests/dse/search_model.hpp"

using namespace dse;
using namespace dse::search;

namespace {

SearchOptions options(std::int64_t evaluations, const std::string& algorithm = "dse", int threads = 1) {
  SearchOptions result;
  result.objectives = model_objectives;
  result.algorithm = algorithm;
  result.evaluations = evaluations;
  result.population = 40;
  result.seed = 5;
  result.threads = threads;
  return result;
}

struct Setting {
  Space space;
  ChainModel model;
  Setting(std::size_t layers, std::size_t devices, double memory = 1e9)
      : space(make_space(layers, devices)), model(space, 3, memory) {}
  std::vector<Genome> seeds(const SearchOptions& o) const {
    return search::seeds(space, model.costs(), o.population, static_cast<std::size_t>(o.evaluations), o.seed);
  }
  Search make(const SearchOptions& o) const { return Search(model, space, o, Fitness(o.objectives.size(), 0.0)); }
};

// All that a run's result consists of.
std::vector<std::pair<Genome, std::vector<double>>> digest(const Search& search) {
  std::vector<std::pair<Genome, std::vector<double>>> result;
  for (const FrontEntry& entry : search.front().entries()) result.emplace_back(entry.genome, entry.values);
  for (const FrontEntry& entry : search.evaluations().extremes()) result.emplace_back(entry.genome, entry.values);
  return result;
}

Search run(const Setting& setting, const SearchOptions& o) {
  Search search = setting.make(o);
  search.start(setting.seeds(o));
  while (!search.finished()) search.step();
  return search;
}

}  // namespace

TEST_CASE("the same seed gives the same front with one thread and with two, whatever the algorithm") {
  const Setting setting(25, 4);
  for (const char* algorithm : {"dse", "nsga2", "nspso", "moead", "maco", "random"}) {
    CAPTURE(algorithm);
    const Search one = run(setting, options(1500, algorithm, 1)), two = run(setting, options(1500, algorithm, 2));
    CHECK(one.evaluations().count() >= 1500);
    CHECK(one.evaluations().count() == two.evaluations().count());
    CHECK(digest(one) == digest(two));
    CHECK(one.state() == two.state());
    SearchOptions other = options(1500, algorithm);
    other.seed = 6;
    CHECK(digest(run(setting, other)) != digest(one));
  }
}

TEST_CASE("a search resumed from any checkpoint ends as the one that was never stopped") {
  const Setting setting(25, 4);
  for (const char* algorithm : {"dse", "nsga2", "nspso", "moead", "maco", "random"}) {
    CAPTURE(algorithm);
    const SearchOptions o = options(1200, algorithm);
    Search whole = setting.make(o);
    whole.start(setting.seeds(o));
    std::vector<std::string> states{whole.state()};
    while (!whole.finished()) {
      whole.step();
      states.push_back(whole.state());
    }
    REQUIRE(states.size() > 3);
    for (std::size_t at : {std::size_t{0}, std::size_t{1}, states.size() / 2, states.size() - 1}) {
      Search resumed = setting.make(o);
      resumed.resume(states[at]);
      CHECK(resumed.state() == states[at]);
      while (!resumed.finished()) resumed.step();
      CHECK(resumed.evaluations().count() == whole.evaluations().count());
      CHECK(digest(resumed) == digest(whole));
      CHECK(resumed.state() == whole.state());
    }
  }
}

TEST_CASE("a search ends where its target is reached or its hypervolume stands still, resumed or not, and says why") {
  const Setting setting(25, 4);
  SearchOptions o = options(50'000);
  const double of_seeds = [&] {
    Search search = setting.make(o);
    search.start(setting.seeds(o));
    return search.hypervolume();
  }();
  o.target_hypervolume = of_seeds + 0.5 * (run(setting, options(3000)).hypervolume() - of_seeds);
  const Search reached = run(setting, o);
  CHECK(reached.ending() == Ending::target);
  CHECK(reached.hypervolume() >= o.target_hypervolume);
  CHECK(reached.evaluations().count() < 3000);
  o.target_hypervolume = 0;
  o.stagnation = 20;
  const Search still = run(setting, o);
  CHECK(still.ending() == Ending::stagnation);
  CHECK(still.generation() % 20 == 0);
  Search resumed = setting.make(o);
  resumed.start(setting.seeds(o));
  for (int i = 0; i < 7; ++i) resumed.step();
  const std::string state = resumed.state();
  Search again = setting.make(o);
  again.resume(state);
  while (!again.finished()) again.step();
  CHECK(again.ending() == Ending::stagnation);
  CHECK(digest(again) == digest(still));
  CHECK(run(setting, options(300)).ending() == Ending::budget);
}

TEST_CASE("a damaged checkpoint is an error with a code") {
  const Setting setting(25, 4);
  const SearchOptions o = options(100);
  for (const char* text : {"", "{}", "[1]", R"({"version": 99})"}) {
    Search search = setting.make(o);
    CHECK_THROWS_AS(search.resume(text), Error);
  }
}

TEST_CASE("evaluations are distinct mappings, and never more than the budget") {
  const Setting setting(25, 4);
  class Counting : public Evaluator {
   public:
    explicit Counting(const Evaluator& inner) : inner_(inner) {}
    Estimate evaluate(const Genome& genome) const override {
      genomes.insert(genome);
      ++calls;
      return inner_.evaluate(genome);
    }
    mutable std::set<Genome> genomes;
    mutable std::int64_t calls = 0;

   private:
    const Evaluator& inner_;
  } counting(setting.model);
  const SearchOptions o = options(1234);
  Search search(counting, setting.space, o, Fitness(4, 0.0));
  search.start(setting.seeds(o));
  while (!search.finished()) search.step();
  CHECK(search.evaluations().count() == 1234);
  CHECK(counting.calls == 1234);
  CHECK(counting.genomes.size() == 1234);
}

TEST_CASE("enumeration visits every genome once, and is what brute force counts") {
  for (std::size_t layers : {1, 2, 4}) {
    for (std::size_t devices : {1, 2, 3}) {
      Space space = make_space(layers, devices);
      space.max_share = 3;
      space.threads.front() = {0, 1};
      std::set<Genome> seen;
      std::size_t visits = 0;
      CHECK(for_each_genome(space, [&](const Genome& genome) {
        Genome canonical = genome;
        normalise(canonical, space);
        CHECK(canonical == genome);
        seen.insert(genome);
        ++visits;
        return true;
      }));
      CHECK(visits == seen.size());
      Rng rng(1, 1);
      for (int i = 0; i < 2000; ++i) CHECK(seen.contains(any_genome(space, rng)));
    }
  }
  // Two devices, n layers: 2^n pipelines and the coprime pairs of shares up to 3 (7 of them), no choice of threads.
  Space pair = make_space(5, 2);
  pair.max_share = 3;
  std::size_t count = 0;
  for_each_genome(pair, [&](const Genome&) { return ++count > 0; });
  CHECK(count == 32 + 7);
}

TEST_CASE("a small space is enumerated: exact, and no point of it dominates the front") {
  const Setting setting(8, 2);
  const Search search = run(setting, options(2000));
  CHECK(search.exact());
  std::vector<Genome> all;
  for_each_genome(setting.space, [&](const Genome& genome) {
    all.push_back(genome);
    return true;
  });
  CHECK(search.evaluations().count() == static_cast<std::int64_t>(all.size()));
  for (const Genome& genome : all) {
    const Fitness fitness = fitness_of(setting.model.evaluate(genome), model_objectives);
    const auto covered = [&](const FrontEntry& entry) {
      return entry.values == fitness || dominates(entry.values, fitness);
    };
    CHECK(std::any_of(search.front().entries().begin(), search.front().entries().end(), covered));
  }
}

TEST_CASE("the search comes near the exact front of a space that it does not enumerate, and beats random sampling") {
  Setting setting(9, 3);
  setting.space.max_share = 4;
  SearchOptions o = options(100000);
  const Search exact = run(setting, o);
  REQUIRE(exact.exact());
  const auto quality = [&](const Search& search) {
    return hypervolume(search.front().entries(), exact.ideal(), exact.reference()) / exact.hypervolume();
  };
  const double dse = quality(run(setting, options(2000))), random = quality(run(setting, options(2000, "random")));
  MESSAGE("hypervolume of the exact front reached with 2000 of ", exact.evaluations().count(), " mappings: dse ", dse,
          ", random ", random);
  CHECK(dse > 0.97);
  CHECK(dse > random);
  CHECK(dse <= 1);
}

TEST_CASE("the front holds the cut into two stages that trying every cut proves best in period") {
  for (std::size_t layers : {9, 30, 70}) {
    CAPTURE(layers);
    const Setting setting(layers, 2);
    double best = 1e9;
    for (std::size_t cut = 1; cut < layers; ++cut) {
      for (PlacementId head : {PlacementId{0}, PlacementId{1}}) {
        std::vector<PlacementId> genes(layers, static_cast<PlacementId>(1 - head));
        std::fill(genes.begin(), genes.begin() + static_cast<std::ptrdiff_t>(cut), head);
        best = std::min(best, setting.model.evaluate(pipeline(setting.space, genes)).period_s);
      }
    }
    Setting stages_only(layers, 2);
    stages_only.space.strategies = {.data = false, .sequential = true, .hybrid = false};
    const Search search = run(stages_only, options(500));
    double found = 1e9;
    for (const FrontEntry& entry : search.front().entries()) found = std::min(found, entry.estimate.period_s);
    CHECK(found <= best);
  }
}

TEST_CASE("nothing infeasible on the front; where nothing is feasible the nearest miss is known") {
  const Setting tight(20, 3, 8e5);
  const Search search = run(tight, options(800));
  CHECK(!search.front().empty());
  CHECK(!search.evaluations().nearest());
  for (const FrontEntry& entry : search.front().entries()) CHECK(entry.estimate.feasible);

  const Setting impossible(20, 3, 1e5);
  const Search none = run(impossible, options(800));
  CHECK(none.front().empty());
  REQUIRE(none.evaluations().nearest());
  const Estimate& nearest = none.evaluations().nearest()->estimate;
  CHECK(nearest.reason == "too large");
  // Single devices miss by far more than three stages do: the search has to have moved towards feasibility.
  for (std::size_t d = 0; d < 3; ++d)
    CHECK(impossible.model.evaluate(single(impossible.space, d)).violation > nearest.violation);
}

TEST_CASE("limits exclude what exceeds them") {
  const Setting setting(20, 3);
  const Search free = run(setting, options(600));
  double least = 1e9, most = 0;
  for (const FrontEntry& entry : free.front().entries()) {
    least = std::min(least, entry.estimate.memory_max_bytes);
    most = std::max(most, entry.estimate.memory_max_bytes);
  }
  SearchOptions limited = options(600);
  limited.limits = {{Objective::memory_max, (least + most) / 2}};
  const Search search = run(setting, limited);
  CHECK(!search.front().empty());
  for (const FrontEntry& entry : search.front().entries()) CHECK(entry.estimate.memory_max_bytes <= (least + most) / 2);
}

TEST_CASE("feasible before infeasible, less violation before more: also for algorithms that know no constraints") {
  Estimate good, bad, worse;
  good.latency_s = 5;
  bad.latency_s = worse.latency_s = 1;
  bad.feasible = worse.feasible = false;
  bad.violation = 0.2;
  worse.violation = 0.3;
  const std::vector<Objective> objectives{Objective::latency, Objective::energy_max};
  const Fitness a = fitness_of(good, objectives), b = fitness_of(bad, objectives), c = fitness_of(worse, objectives);
  CHECK(dominates(a, b));
  CHECK(dominates(b, c));
  CHECK(is_feasible(a));
  CHECK(!is_feasible(b));
  const std::vector<Fitness> all{c, b, a};
  CHECK(rank(all).rank == std::vector<std::size_t>{2, 1, 0});
  CHECK(best(all, 2) == std::vector<std::size_t>{2, 1});
}

TEST_CASE("ranks are those of brute force, and an objective that all share does no harm") {
  Rng rng(2, 2);
  std::vector<Fitness> points;
  for (int i = 0; i < 60; ++i) points.push_back({std::floor(6 * rng.unit()), std::floor(6 * rng.unit()), 1});
  const Ranking ranking = rank(points);
  std::vector<std::size_t> expected(points.size(), 0);
  for (std::size_t round = 0; round < points.size(); ++round) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      for (const std::size_t j : {round}) {
        if (dominates(points[j], points[i])) expected[i] = std::max(expected[i], expected[j] + 1);
      }
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < points.size(); ++i) {
      for (std::size_t j = 0; j < points.size(); ++j) {
        if (dominates(points[j], points[i]) && expected[i] < expected[j] + 1)
          expected[i] = expected[j] + 1, changed = true;
      }
    }
  }
  CHECK(ranking.rank == expected);
  for (double crowding : ranking.crowding) CHECK(!std::isnan(crowding));
}

TEST_CASE("of a crowded front those are kept without which most would be lost") {
  // Nine that hardly differ, and three that stand for the rest of the front.
  std::vector<Fitness> points;
  for (int i = 0; i < 9; ++i) points.push_back({10 + 0.001 * i, 10 - 0.001 * i});
  points.push_back({1, 100});
  points.push_back({100, 1});
  points.push_back({40, 2.5});
  std::vector<std::size_t> kept = best(points, 4);
  std::sort(kept.begin(), kept.end());
  REQUIRE(kept.size() == 4);
  CHECK(kept[0] < 9);
  CHECK(kept[1] == 9);
  CHECK(kept[2] == 10);
  CHECK(kept[3] == 11);
  CHECK(best(points, 20).size() == points.size());
  CHECK(best(std::vector<Fitness>(5, {1, 1}), 3).size() == 3);
  CHECK(best(std::vector<Fitness>{{-1, 0}, {0, -1}, {-0.5, -0.5}}, 2).size() == 2);
  std::vector<Fitness> many;
  for (int i = 0; i < 1500; ++i) many.push_back({1.0 + i, 2000.0 - i});
  CHECK(best(many, 100).size() == 100);
}

TEST_CASE("hypervolume of known boxes") {
  const auto entry = [](double x, double y) {
    FrontEntry one;
    one.values = {x, y};
    return one;
  };
  const std::vector<double> ideal{0, 0}, reference{10, 10};
  CHECK(hypervolume(std::vector{entry(5, 5)}, ideal, reference) == doctest::Approx(0.25));
  CHECK(hypervolume(std::vector{entry(0, 5), entry(5, 0)}, ideal, reference) == doctest::Approx(0.75));
  CHECK(hypervolume(std::vector{entry(11, 0)}, ideal, reference) == 0);
  CHECK(hypervolume({}, ideal, reference) == 0);
}

TEST_CASE("the dynamic program finds the least period and latency of all contiguous pipelines") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Space space = make_space(9, 3, {.data = false, .sequential = true, .hybrid = false});
    const ChainModel model(space, seed);
    const ChainCosts costs = model.costs();
    const auto value = [&](const std::vector<PlacementId>& layers, ChainGoal goal) {
      const auto join = [&](double a, double b) { return goal == ChainGoal::period ? std::max(a, b) : a + b; };
      double total = costs.transfer(layers.back(), costs.sink, costs.crossing_bytes.back());
      for (const Run& run : runs(layers)) {
        double stage = 0;
        for (std::size_t l = run.first; l < run.last; ++l) stage += costs.seconds[run.placement][l];
        total = join(total, stage);
        if (run.first > 0)
          total = join(total, costs.transfer(layers[run.first - 1], run.placement, costs.crossing_bytes[run.first]));
      }
      return total;
    };
    for (ChainGoal goal : {ChainGoal::period, ChainGoal::latency}) {
      double expected = 1e9, found = 1e9;
      for_each_contiguous(space, [&](const Genome& genome) {
        expected = std::min(expected, value(genome.replicas.front().layers, goal));
        return true;
      });
      std::vector<std::size_t> order{0, 1, 2};
      do {
        const auto chain = best_chain(costs, order, goal);
        REQUIRE(chain);
        CHECK(chain->value == doctest::Approx(value(chain->layers, goal)));
        found = std::min(found, chain->value);
      } while (std::next_permutation(order.begin(), order.end()));
      CHECK(found == doctest::Approx(expected));
    }
  }
}

TEST_CASE("the dynamic program keeps to the devices' memory, and says where nothing fits") {
  const Space space = make_space(9, 2);
  ChainCosts costs = ChainModel(space, 4).costs();
  const std::vector<std::size_t> order{0, 1};
  double all = 0;
  for (double weight : costs.weight_bytes) all += weight;
  costs.room_bytes.assign(2, 0.6 * all);
  const auto chain = best_chain(costs, order, ChainGoal::latency);
  REQUIRE(chain);
  std::vector<double> weights(2, 0.0);
  for (std::size_t l = 0; l < 9; ++l) weights[chain->layers[l]] += costs.weight_bytes[l];
  CHECK(weights[0] <= 0.6 * all);
  CHECK(weights[1] <= 0.6 * all);
  costs.room_bytes.assign(2, 0.3 * all);
  CHECK(!best_chain(costs, order, ChainGoal::latency));
}

TEST_CASE("the period bound is never above the least period, and tight where work divides evenly") {
  CHECK(period_bound({{1, 1, 1, 1}, {1, 1, 1, 1}}) == doctest::Approx(2));
  CHECK(period_bound({{1, 1, 1}, {2, 2, 2}}) == doctest::Approx(2).epsilon(0.01));
  Rng rng(3, 3);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::vector<double>> seconds(2, std::vector<double>(8));
    for (auto& device : seconds) {
      for (double& s : device) s = 0.1 + rng.unit();
    }
    double least = 1e9;
    for (unsigned set = 0; set < 256; ++set) {
      double a = 0, b = 0;
      for (std::size_t l = 0; l < 8; ++l) (set >> l & 1 ? a : b) += seconds[set >> l & 1 ? 0 : 1][l];
      least = std::min(least, std::max(a, b));
    }
    CHECK(period_bound(seconds) <= least * (1 + 1e-12));
    CHECK(period_bound(seconds) >= 0.8 * least);
  }
}
