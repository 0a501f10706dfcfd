// How fast the search evaluates, and how near it comes to the best known front.
//
//   bench_search                     synthetic pipelines: hypervolume of each algorithm's front over that of the exact
//   front, or of the
//                                    best one found where the space is too large to enumerate; evaluations a second
//   bench_search MODEL PLATFORM      the same for a real network, with the real estimator
//   bench_search --compare [--seeds N] [--evaluations N] [--algorithm NAME]... PLATFORM MODEL...
//                                    every algorithm with the same seeds, at equal evaluations and at equal seconds of
//                                    one thread: the gap of its hypervolume to that of everything that any run found,
//                                    the own algorithm's with ten times the budget too
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "base/error.hpp"
#include "dse/search/bounds.hpp"
#include "dse/search/search.hpp"
#include "dse/search/seeds.hpp"
#include "estimator/presets.hpp"
#include "tests/dse/search_model.hpp"

namespace {

using namespace dse;
using namespace dse::search;

struct Row {
  std::string name;
  double seconds = 0;
  std::int64_t evaluations = 0;
  bool exact = false;
  std::vector<FrontEntry> front;
  Fitness reference;
};

Row run(const Evaluator& evaluator, const Space& space, const ChainCosts& costs, const Fitness& ideal,
        const std::string& algorithm, std::int64_t evaluations, int threads) {
  SearchOptions options;
  options.objectives = model_objectives;
  options.algorithm = algorithm;
  options.evaluations = evaluations;
  options.threads = threads;
  const auto begun = std::chrono::steady_clock::now();
  Search search(evaluator, space, options, ideal);
  search.start(seeds(space, costs, options.population, static_cast<std::size_t>(evaluations), options.seed));
  while (!search.finished()) search.step();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return {fmt::format("{} {}, {} thread{}", algorithm, evaluations, threads, threads == 1 ? "" : "s"),
          seconds,
          search.evaluations().count(),
          search.exact(),
          search.front().entries(),
          search.reference()};
}

void print(const std::string& title, const std::vector<Row>& rows, const Fitness& ideal) {
  // Against everything that any of them found; the corner is the same for all.
  Fitness corner(ideal.size(), 0.0);
  Front all;
  for (const Row& row : rows) {
    for (std::size_t o = 0; o < corner.size(); ++o) corner[o] = std::max(corner[o], row.reference[o]);
    for (const FrontEntry& entry : row.front) all.insert(entry);
  }
  const double most = hypervolume(all.entries(), ideal, corner);
  const bool exact = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.exact; });
  std::cout << fmt::format("{} (hypervolume relative to {})\n", title,
                           exact ? "the exact front" : "the union of these runs");
  for (const Row& row : rows) {
    std::cout << fmt::format("  {:<34} front {:>5}  hypervolume {:.4f}  {:>9.0f} evaluations/s  {:.2f} s{}\n", row.name,
                             row.front.size(), hypervolume(row.front, ideal, corner) / most,
                             static_cast<double>(row.evaluations) / row.seconds, row.seconds,
                             row.exact ? "  exact" : "");
  }
}

void synthetic(std::size_t layers, std::size_t devices, std::int64_t evaluations, std::int64_t whole) {
  const Space space = make_space(layers, devices);
  const ChainModel model(space, 11);
  const Fitness ideal(model_objectives.size(), 0.0);
  std::vector<Row> rows;
  for (const char* algorithm : {"dse", "nsga2", "random"}) {
    rows.push_back(run(model, space, model.costs(), ideal, algorithm, evaluations, 1));
  }
  if (whole > 0) rows.push_back(run(model, space, model.costs(), ideal, "exhaustive", whole, 1));
  print(fmt::format("synthetic, {} layers, {} devices", layers, devices), rows, ideal);
}

void real(const fs::path& model, const fs::path& platform_file) {
  const Network network = Network::import(model);
  const Platform platform = read_platform(platform_file);
  const Estimator estimator(network, platform);
  const Space space = make_space(network, platform, {});
  const EstimatorEvaluator evaluator(estimator, space);
  const ChainCosts costs = chain_costs(estimator);
  const Fitness ideal = lower_bounds(estimator, space, model_objectives);
  std::vector<Row> rows;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  for (std::int64_t evaluations : {500, 2000, 8000})
    rows.push_back(run(evaluator, space, costs, ideal, "dse", evaluations, cores));
  rows.push_back(run(evaluator, space, costs, ideal, "dse", 2000, 1));
  rows.push_back(run(evaluator, space, costs, ideal, "nsga2", 2000, cores));
  rows.push_back(run(evaluator, space, costs, ideal, "random", 2000, cores));
  print(fmt::format("{} on {}, {} layers, {} devices", network.name(), platform.name, space.layers, space.devices),
        rows, ideal);
}

// ---- comparison

struct Budget {
  std::int64_t evaluations = 0;
  double seconds = 0;  // instead, where above 0
};

struct Trial {
  std::vector<FrontEntry> front;
  Fitness reference;
  double seconds = 0;
  std::int64_t evaluations = 0;
};

class Comparison {
 public:
  Comparison(const Network& network, const Platform& platform)
      : estimator_(network, platform),
        space_(make_space(network, platform, {}, device_speeds(estimator_))),
        costs_(chain_costs(estimator_)),
        ideal_(lower_bounds(estimator_, space_, model_objectives)) {}

  // An evaluator of its own, so that nobody profits from what another has worked out.
  Trial run(const std::string& algorithm, const Budget& budget, std::uint64_t seed) const {
    const Estimator fresh(estimator_.network(), estimator_.platform());
    const EstimatorEvaluator evaluator(fresh, space_);
    SearchOptions options;
    options.objectives = model_objectives;
    options.algorithm = algorithm;
    options.evaluations = budget.seconds > 0 ? 1'000'000'000 : budget.evaluations;
    options.seed = seed;
    const auto begun = std::chrono::steady_clock::now();
    const auto spent = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(); };
    Search search(evaluator, space_, options, ideal_);
    search.start(seeds(space_, costs_, options.population, static_cast<std::size_t>(budget.evaluations), seed));
    while (!search.finished() && (budget.seconds <= 0 || spent() < budget.seconds)) search.step();
    return {search.front().entries(), search.reference(), spent(), search.evaluations().count()};
  }

  const Fitness& ideal() const { return ideal_; }
  const Space& space() const { return space_; }

 private:
  Estimator estimator_;
  Space space_;
  ChainCosts costs_;
  Fitness ideal_;
};

void compare(const fs::path& model, const Platform& platform, const std::vector<std::string>& algorithms,
             std::int64_t evaluations, std::uint64_t seed_count) {
  const Network network = Network::import(model);
  const Comparison comparison(network, platform);
  std::vector<std::vector<Trial>> equal_count(algorithms.size()), equal_time(algorithms.size());
  Front all;
  Fitness corner(comparison.ideal().size(), 0.0);
  const auto note = [&](const Trial& trial) {
    for (const FrontEntry& entry : trial.front) all.insert(entry);
  };
  corner = comparison.run("dse", {100, 0}, 1).reference;
  note(comparison.run("dse", {10 * evaluations, 0}, 1000));
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed)
    for (std::size_t a = 0; a < algorithms.size(); ++a) {
      equal_count[a].push_back(comparison.run(algorithms[a], {evaluations, 0}, seed));
      const double seconds = equal_count[0].back().seconds;
      equal_time[a].push_back(a == 0 ? equal_count[a].back()
                                     : comparison.run(algorithms[a], {evaluations, seconds}, seed));
      note(equal_count[a].back());
      note(equal_time[a].back());
    }
  const double most = hypervolume(all.entries(), comparison.ideal(), corner);
  std::cout << fmt::format("{} on {}: {} layers, {} devices, {} evaluations, {} seeds; front of all {}\n",
                           network.name(), platform.name, comparison.space().layers, comparison.space().devices,
                           evaluations, seed_count, all.size());
  const auto gaps = [&](const std::vector<Trial>& trials) {
    double sum = 0, volumes = 0, worst = 0, count = 0;
    for (const Trial& trial : trials) {
      const double volume = hypervolume(trial.front, comparison.ideal(), corner), gap = 1 - volume / most;
      sum += gap;
      volumes += volume;
      worst = std::max(worst, gap);
      count += static_cast<double>(trial.evaluations);
    }
    const auto runs = static_cast<double>(trials.size());
    return fmt::format("mean {:.4f} worst {:.4f} (hypervolume {:.4f}, {:.0f} evaluations)", sum / runs, worst,
                       volumes / runs, count / runs);
  };
  for (std::size_t a = 0; a < algorithms.size(); ++a)
    std::cout << fmt::format("  {:<8} gap at equal evaluations: {}   at equal seconds: {}\n", algorithms[a],
                             gaps(equal_count[a]), gaps(equal_time[a]));
  std::cout.flush();
}

int run_comparison(const std::vector<std::string>& words) {
  std::int64_t evaluations = 2000;
  std::uint64_t seed_count = 3;
  std::vector<std::string> files, algorithms;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--seeds" && i + 1 < words.size())
      seed_count = std::stoull(words[++i]);
    else if (words[i] == "--evaluations" && i + 1 < words.size())
      evaluations = std::stoll(words[++i]);
    else if (words[i] == "--algorithm" && i + 1 < words.size())
      algorithms.push_back(words[++i]);
    else
      files.push_back(words[i]);
  }
  if (files.size() < 2) throw Error(ExitCode::usage, "USAGE", "bench_search --compare PLATFORM MODEL...");
  if (algorithms.empty()) algorithms = {"dse", "nsga2", "nspso", "moead", "maco", "random"};
  const Platform platform = read_platform(files.front());
  for (std::size_t i = 1; i < files.size(); ++i) compare(files[i], platform, algorithms, evaluations, seed_count);
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1 && std::string(argv[1]) == "--compare") return run_comparison({argv + 1, argv + argc});
  if (argc == 3) {
    real(argv[1], argv[2]);
    return 0;
  }
  synthetic(10, 3, 3000, 1'000'000);
  synthetic(20, 4, 5000, 0);
  synthetic(100, 8, 20000, 0);
  return 0;
} catch (const dse::Error& error) {
  std::cerr << error.what() << "\n";
  return static_cast<int>(error.exit());
}
