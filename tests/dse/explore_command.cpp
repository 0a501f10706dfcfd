// dse explore end to end, on a small network of the zoo: real import, lowering, estimator and archive.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "dse/archive/archive.hpp"
#include "dse/commands/commands.hpp"
#include "dse/search/bounds.hpp"
#include "dse/search/recorder.hpp"
#include "dse/search/request.hpp"
#include "dse/search/seeds.hpp"
#include "estimator/presets.hpp"
#include "models/zoo.hpp"

using namespace dse;
using nlohmann::json;

namespace {

using Words = std::vector<std::pair<std::string, std::string>>;

class Bench {
 public:
  explicit Bench(const std::string& memory = "2 GiB", int devices = 2) : folder_("dse-explore") {
    zoo::make("tiny", model());
    std::string text = "dse: platform/1\nname: pair\ndevices:\n", names;
    for (int d = 0; d < devices; ++d) {
      text += fmt::format("  - {{name: d{}, host: d{}.lan, cores: {}, memory: {}}}\n", d, d, 1 + d, memory);
      names += fmt::format("{}d{}", d == 0 ? "" : ", ", d);
    }
    text += fmt::format("networks:\n  - {{name: lan, members: [{}], bandwidth: 10 Gbit/s, latency: 1 us}}\n", names);
    write_file(platform(), text);
  }
  fs::path model() const { return folder_.path() / "tiny.onnx"; }
  fs::path platform() const { return folder_.path() / "platform.yaml"; }
  fs::path database(const std::string& name = "runs.db") const { return folder_.path() / name; }

  json explore(Words words, const std::string& db = "runs.db") const {
    Arguments arguments;
    words.insert(words.begin(),
                 {{"MODEL", model().string()}, {"--platform", platform().string()}, {"--db", database(db).string()}});
    for (auto& [name, value] : words) arguments.set(name, value);
    std::ostringstream out, err;
    Console console{out, err, Format::json, true, false};
    const int code = explore_command().run(arguments, console);
    CHECK(code == 0);
    return json::parse(out.str());
  }

  // What the stored front consists of.
  std::set<std::pair<std::string, double>> front(std::int64_t run, const std::string& db = "runs.db") const {
    std::set<std::pair<std::string, double>> result;
    for (const auto& candidate : archive::Archive::open(database(db), archive::Archive::Mode::read_only).front(run)) {
      result.emplace(candidate.mapping_json, candidate.estimate.period_s);
    }
    return result;
  }

 private:
  TempDir folder_;
};

}  // namespace

TEST_CASE("explore prints what it promises and stores the front") {
  const Bench bench;
  const json summary = bench.explore({{"--evaluations", "300"}});
  for (const char* key : {"run_id", "evaluations", "seconds", "evaluations_per_second", "front_size", "hypervolume",
                          "exact", "ended", "bounds", "best"}) {
    CAPTURE(key);
    CHECK(summary.contains(key));
  }
  CHECK(summary.at("evaluations").get<int>() == 300);
  CHECK(summary.at("hypervolume").get<double>() > 0);
  CHECK(summary.at("hypervolume").get<double>() <= 1);
  const auto run = summary.at("run_id").get<std::int64_t>();
  CHECK(bench.front(run).size() == summary.at("front_size").get<std::size_t>());
  const auto archive = archive::Archive::open(bench.database(), archive::Archive::Mode::read_only);
  const auto stored = archive.run(run);
  REQUIRE(stored);
  CHECK(stored->status == "done");
  CHECK(stored->evaluations == 300);
  CHECK(json::parse(stored->summary_json).at("front_size") == summary.at("front_size"));
  CHECK(stored->info.model_name == "tiny");
}

TEST_CASE(
    "the front holds the cut that trying every cut with the estimator proves best in period, and keeps to the bounds") {
  const Bench bench;
  const json summary = bench.explore({{"--evaluations", "400"}, {"--strategies", "sequential"}});
  const Network network = Network::import(bench.model());
  const Platform platform = read_platform(bench.platform());
  const Estimator estimator(network, platform);
  double best = std::numeric_limits<double>::infinity();
  for (LayerId cut = 1; cut < network.layers().size(); ++cut) {
    for (const auto& devices : {std::vector<std::size_t>{0, 1}, std::vector<std::size_t>{1, 0}}) {
      best = std::min(best, estimator.estimate(contiguous(network, {cut}, devices)).period_s);
    }
  }
  double found = std::numeric_limits<double>::infinity();
  for (const auto& [mapping, period] : bench.front(summary.at("run_id").get<std::int64_t>()))
    found = std::min(found, period);
  CHECK(found <= best);
  CHECK(summary.at("bounds").at("period").get<double>() <= found);
}

TEST_CASE("the summary says what ended the search") {
  const Bench bench;
  CHECK(bench.explore({{"--evaluations", "60"}}).at("ended") == "the budget is spent");
  CHECK(bench.explore({{"--time", "200ms"}, {"--algorithm", "random"}}).at("ended") == "the time is spent");
}

TEST_CASE("the archive keeps what was on the front, or every mapping that was evaluated") {
  const Bench bench;
  const auto kept = [&](const char* what) {
    const json summary = bench.explore({{"--evaluations", "60"}, {"--keep", what}});
    const archive::Archive archive = archive::Archive::open(bench.database(), archive::Archive::Mode::open);
    const std::vector<archive::Candidate> all = archive.candidates(summary.at("run_id").get<std::int64_t>());
    const auto on_front = std::count_if(all.begin(), all.end(), [](const auto& c) { return c.on_front; });
    CHECK(on_front == summary.at("front_size").get<std::int64_t>());
    return std::pair{static_cast<std::int64_t>(all.size()), summary.at("evaluations").get<std::int64_t>()};
  };
  const auto [few, evaluated] = kept("front");
  CHECK(few < evaluated);
  const auto [all, of_all] = kept("all");
  CHECK(all == of_all);
}

TEST_CASE("no mapping is better than the lower bounds") {
  const Bench bench("2 GiB", 3);
  const Network network = Network::import(bench.model());
  const Platform platform = read_platform(bench.platform());
  const Estimator estimator(network, platform);
  const std::vector<Objective> objectives{Objective::latency,      Objective::period,     Objective::energy_max,
                                          Objective::energy_sum,   Objective::memory_max, Objective::devices,
                                          Objective::survivability};
  for (const std::vector<double>& speeds : {std::vector<double>{}, device_speeds(estimator)}) {
    const search::Space space = search::make_space(network, platform, {}, speeds);
    const std::vector<double> bounds = search::lower_bounds(estimator, space, objectives);
    search::Rng rng(1, 0);
    std::size_t split = 0;
    for (int i = 0; i < 200; ++i) {
      const Mapping mapping = to_mapping(search::random_genome(space, rng), space);
      if (strategy_name(mapping) == "horizontal" || strategy_name(mapping) == "vertical") ++split;
      const Estimate estimate = estimator.estimate(mapping);
      for (std::size_t o = 0; o < objectives.size(); ++o) {
        CAPTURE(std::string(to_string(objectives[o])));
        CHECK(bounds[o] <= objective_value(estimate, objectives[o]) * (1 + 1e-9) + 1e-12);
      }
    }
    CHECK((split > 0) == space.splits());
  }
}

TEST_CASE("the front holds split stages where a frame's latency is asked for, and only where they are allowed") {
  const Bench bench("2 GiB", 3);
  const auto strategies = [&](const Words& options, const std::string& db) {
    bench.explore(options, db);
    std::set<std::string> names;
    auto archive = archive::Archive::open(bench.database(db), archive::Archive::Mode::open);
    for (const archive::Candidate& candidate : archive.front(1)) names.insert(candidate.strategy);
    return names;
  };
  const std::set<std::string> all = strategies({{"--evaluations", "1500"}}, "all.db");
  CHECK((all.contains("horizontal") || all.contains("vertical") || all.contains("hybrid")));
  for (const std::string only : {"data", "sequential", "horizontal", "vertical"}) {
    std::set<std::string> names = strategies({{"--evaluations", "300"}, {"--strategies", only}}, only + ".db");
    names.erase("single");
    names.erase(only);
    CHECK(names.empty());
  }
}

TEST_CASE("one thread and two give the same stored front") {
  const Bench bench;
  const json one = bench.explore({{"--evaluations", "500"}, {"--threads", "1"}}, "one.db");
  const json two = bench.explore({{"--evaluations", "500"}, {"--threads", "2"}}, "two.db");
  CHECK(bench.front(1, "one.db") == bench.front(1, "two.db"));
  CHECK(one.at("hypervolume") == two.at("hypervolume"));
  const json other = bench.explore({{"--evaluations", "500"}, {"--seed", "2"}}, "other.db");
  CHECK(bench.front(1, "one.db") != bench.front(1, "other.db"));
}

TEST_CASE("a run that was killed after any checkpoint ends, resumed, with the front of the uninterrupted one") {
  const Bench bench;
  const Words options{{"--evaluations", "600"}, {"--population", "20"}};
  bench.explore(options, "whole.db");
  // What kill -9 leaves behind: the archive as of a checkpoint, the run still marked as running.
  const Network network = Network::import(bench.model());
  const Platform platform = read_platform(bench.platform());
  const Estimator estimator(network, platform);
  const search::Space space = search::make_space(network, platform, {}, device_speeds(estimator));
  const search::EstimatorEvaluator evaluator(estimator, space);
  for (int generations : {0, 3, 9}) {
    const std::string db = fmt::format("killed{}.db", generations);
    {
      auto whole = archive::Archive::open(bench.database("whole.db"), archive::Archive::Mode::open);
      auto killed = archive::Archive::open(bench.database(db), archive::Archive::Mode::create_or_open);
      const archive::RunInfo info = whole.run(1)->info;
      const std::int64_t run = killed.begin_run(info);
      const search::Request request = search::read_request({}, &info.options_json);
      search::Search search(evaluator, space, request.search,
                            search::lower_bounds(estimator, space, request.search.objectives));
      search.start(search::seeds(space, chain_costs(estimator), 20, 600, 1));
      for (int g = 0; g < generations; ++g) search.step();
      search::Recorder(killed, run, network, platform, space).checkpoint(search, 0.5);
    }
    if (generations == 0) REQUIRE(bench.front(1, db) != bench.front(1, "whole.db"));
    const json resumed = bench.explore({{"--resume", "1"}}, db);
    CHECK(resumed.at("evaluations").get<int>() == 600);
    CHECK(bench.front(1, db) == bench.front(1, "whole.db"));
  }
}

TEST_CASE("a resumed run refuses other options, another model and another platform") {
  const Bench bench;
  bench.explore({{"--evaluations", "100"}});
  CHECK_THROWS_WITH_AS(bench.explore({{"--resume", "1"}, {"--seed", "7"}}), doctest::Contains("seed"), Error);
  CHECK_THROWS_WITH_AS(bench.explore({{"--resume", "9"}}), doctest::Contains("no run 9"), Error);
  write_file(bench.platform(), read_text(bench.platform(), 1 << 20) + "# changed\n");
  CHECK_THROWS_WITH_AS(bench.explore({{"--resume", "1"}}), doctest::Contains("platform"), Error);
}

TEST_CASE("where nothing fits, the error says what lacks how much and what would fit; the nearest miss is stored") {
  const Bench bench("8 MiB");
  std::string text;
  try {
    bench.explore({{"--evaluations", "100"}});
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::infeasible);
    text = error.message();
  }
  CHECK(text.find("device d") != std::string::npos);
  CHECK(text.find("lacks") != std::string::npos);
  CHECK(text.find("alone holds") != std::string::npos);
  CHECK(text.find("It would fit with memory: ") != std::string::npos);
  const auto archive = archive::Archive::open(bench.database(), archive::Archive::Mode::read_only);
  CHECK(archive.front(1).empty());
  const auto candidates = archive.candidates(1);
  REQUIRE(!candidates.empty());
  CHECK(!candidates.front().estimate.feasible);
}

TEST_CASE("where other strategies or one more device would fit, that is said") {
  const Bench bench("2 GiB", 3);
  const auto best = [&](const Words& words, const char* objective) {
    return bench.explore(words).at("best").at(objective).get<double>();
  };
  const auto why = [&](const Words& words) {
    try {
      bench.explore(words);
    } catch (const Error& error) {
      CHECK(error.exit() == ExitCode::infeasible);
      return error.message();
    }
    return std::string("it fits");
  };
  const double split = best({{"--evaluations", "400"}}, "latency");
  const double whole = best({{"--evaluations", "400"}, {"--strategies", "sequential"}}, "latency");
  REQUIRE(split < whole);
  const std::string text = why(
      {{"--evaluations", "100"}, {"--strategies", "sequential"}, {"--limit", fmt::format("latency={}", 0.99 * whole)}});
  CAPTURE(text);
  CHECK(text.find("all --strategies allowed") != std::string::npos);
  const double period = best({{"--evaluations", "400"}}, "period");
  const std::string of_period = why({{"--evaluations", "100"}, {"--limit", fmt::format("period={}", 0.85 * period)}});
  CAPTURE(of_period);
  CHECK(of_period.find("one more device like d0") != std::string::npos);
}

TEST_CASE("a limit that nothing keeps is named with a value that would do") {
  const Bench bench;
  CHECK_THROWS_WITH_AS(bench.explore({{"--evaluations", "100"}, {"--limit", "latency=1ns"}}),
                       doctest::Contains("--limit latency="), Error);
}
