#include "bench/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "bench/gene_encodings.hpp"
#include "dse/search/bounds.hpp"
#include "dse/search/search.hpp"
#include "dse/search/seeds.hpp"
#include "estimator/presets.hpp"
#include "tests/dse/search_model.hpp"

namespace dse::bench {
namespace {

using namespace dse::search;

struct Budget {
  std::int64_t evaluations = 0;
  double seconds = 0;  // instead, where above 0
};

struct Trial {
  std::vector<FrontEntry> front;
  double seconds = 0;
  std::int64_t evaluations = 0;
};

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count(); }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

class Contest {
 public:
  Contest(const Network& network, const Platform& platform)
      : estimator_(network, platform),
        space_(make_space(network, platform, {}, device_speeds(estimator_))),
        costs_(chain_costs(estimator_)),
        ideal_(lower_bounds(estimator_, space_, model_objectives)) {}

  // An evaluator of its own, so that nobody profits from what another has worked out.
  Trial run(const std::string& algorithm, const Budget& budget, std::uint64_t seed) const {
    const Estimator fresh(estimator_.network(), estimator_.platform());
    const EstimatorEvaluator evaluator(fresh, space_);
    if (const auto encoding = gene_encoding(algorithm, space_)) return run_genes(*encoding, evaluator, budget, seed);
    SearchOptions options = options_of(budget);
    options.algorithm = algorithm;
    options.seed = seed;
    const Clock clock;
    Search search(evaluator, space_, options, ideal_);
    search.start(seeds(space_, costs_, options.population, static_cast<std::size_t>(budget.evaluations), seed));
    while (!search.finished() && (budget.seconds <= 0 || clock.seconds() < budget.seconds)) search.step();
    return {search.front().entries(), clock.seconds(), search.evaluations().count()};
  }

  // Just beyond the worst of the search's seeds: one for all.
  Fitness corner() const {
    const EstimatorEvaluator evaluator(estimator_, space_);
    SearchOptions options = options_of({100, 0});
    Search search(evaluator, space_, options, ideal_);
    search.start(seeds(space_, costs_, options.population, 100, 1));
    return search.reference();
  }

  const Fitness& ideal() const { return ideal_; }
  const Space& space() const { return space_; }

 private:
  static SearchOptions options_of(const Budget& budget) {
    SearchOptions options;
    options.objectives = model_objectives;
    options.evaluations = budget.seconds > 0 ? 1'000'000'000 : budget.evaluations;
    return options;
  }

  Trial run_genes(const GeneEncoding& encoding, const Evaluator& evaluator, const Budget& budget,
                  std::uint64_t seed) const {
    const SearchOptions options = options_of(budget);
    const Clock clock;
    Evaluations evaluations(evaluator, space_, {options.objectives, {}, 1, options.evaluations, false});
    evolve_genes(encoding, evaluations, options.population, seed,
                 [&] { return budget.seconds > 0 && clock.seconds() >= budget.seconds; });
    return {evaluations.front().entries(), clock.seconds(), evaluations.count()};
  }

  Estimator estimator_;
  Space space_;
  ChainCosts costs_;
  Fitness ideal_;
};

struct Options {
  std::int64_t evaluations = 2000;
  std::uint64_t seeds = 3;
  fs::path references;
  std::vector<std::string> files, algorithms;
};

Options parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool valued = i + 1 < words.size();
    if (words[i] == "--seeds" && valued)
      options.seeds = std::stoull(words[++i]);
    else if (words[i] == "--evaluations" && valued)
      options.evaluations = std::stoll(words[++i]);
    else if (words[i] == "--algorithm" && valued)
      options.algorithms.push_back(words[++i]);
    else if (words[i] == "--references" && valued)
      options.references = words[++i];
    else
      options.files.push_back(words[i]);
  }
  if (options.files.size() < 2) throw Error(ExitCode::usage, "USAGE", "bench_search --compare PLATFORM MODEL...");
  if (options.algorithms.empty())
    options.algorithms = {"dse", "nsga2", "nspso", "moead", "maco", "random", "layer-genes", "cut-genes"};
  return options;
}

struct Reference {
  Fitness corner;
  double hypervolume = 0;
};

Reference make_reference(const Contest& contest, const Options& options) {
  constexpr std::int64_t times = 10;
  constexpr std::uint64_t seed = 1000;
  Front all;
  for (const std::string& algorithm : options.algorithms)
    for (const FrontEntry& entry : contest.run(algorithm, {times * options.evaluations, 0}, seed).front)
      all.insert(entry);
  Reference reference{contest.corner(), 0};
  reference.hypervolume = hypervolume(all.entries(), contest.ideal(), reference.corner);
  return reference;
}

Reference reference_of(const Contest& contest, const Options& options, const std::string& key) {
  using nlohmann::json;
  json known = json::object();
  if (!options.references.empty() && fs::exists(options.references))
    known = json::parse(read_text(options.references, std::uint64_t{1} << 20));
  if (const auto found = known.find(key); found != known.end())
    return {found->at("corner").get<Fitness>(), found->at("hypervolume").get<double>()};
  Reference made = make_reference(contest, options);
  if (options.references.empty()) return made;
  known[key] = {{"corner", made.corner}, {"hypervolume", made.hypervolume}};
  write_file(options.references, known.dump(1) + "\n");
  return made;
}

std::string gaps(const std::vector<Trial>& trials, const Contest& contest, const Reference& reference) {
  double sum = 0, worst = -1, evaluations = 0;
  for (const Trial& trial : trials) {
    const double gap = 1 - hypervolume(trial.front, contest.ideal(), reference.corner) / reference.hypervolume;
    sum += gap;
    worst = std::max(worst, gap);
    evaluations += static_cast<double>(trial.evaluations);
  }
  const auto runs = static_cast<double>(trials.size());
  return fmt::format("mean {:7.4f} worst {:7.4f} ({:6.0f} evaluations)", sum / runs, worst, evaluations / runs);
}

void compare(const fs::path& model, const Platform& platform, const Options& options) {
  const Network network = Network::import(model);
  const Contest contest(network, platform);
  const std::string key = fmt::format("{} on {}, {} evaluations", network.name(), platform.name, options.evaluations);
  const Reference reference = reference_of(contest, options, key);
  std::cout << fmt::format("{}: {} layers, {} devices, {} placements, {} seeds; reference {:.4f}\n", key,
                           contest.space().layers, contest.space().devices, contest.space().placements.size(),
                           options.seeds, reference.hypervolume);
  std::vector<double> seconds;  // of the first algorithm, by seed
  for (const std::string& algorithm : options.algorithms) {
    std::vector<Trial> equal_count, equal_time;
    for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
      equal_count.push_back(contest.run(algorithm, {options.evaluations, 0}, seed));
      if (algorithm == options.algorithms.front()) seconds.push_back(equal_count.back().seconds);
      equal_time.push_back(algorithm == options.algorithms.front()
                               ? equal_count.back()
                               : contest.run(algorithm, {options.evaluations, seconds[seed - 1]}, seed));
    }
    std::cout << fmt::format("  {:<11} gap at equal evaluations: {}   at equal seconds: {}\n", algorithm,
                             gaps(equal_count, contest, reference), gaps(equal_time, contest, reference))
              << std::flush;
  }
}

}  // namespace

int run_comparison(const std::vector<std::string>& words) {
  const Options options = parse(words);
  const Platform platform = read_platform(options.files.front());
  for (std::size_t i = 1; i < options.files.size(); ++i) compare(options.files[i], platform, options);
  return 0;
}

}  // namespace dse::bench
