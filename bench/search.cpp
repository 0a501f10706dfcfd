// How fast the search evaluates, and how near it comes to the best known front.
//
//   bench_search                     synthetic pipelines: hypervolume of each algorithm's front over that of the exact
//   front, or of the
//                                    best one found where the space is too large to enumerate; evaluations a second
//   bench_search MODEL PLATFORM      the same for a real network, with the real estimator
//   bench_search --compare ...       the own algorithm against others: bench/comparison.hpp
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "base/error.hpp"
#include "bench/comparison.hpp"
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

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1 && std::string(argv[1]) == "--compare") return bench::run_comparison({argv + 2, argv + argc});
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
