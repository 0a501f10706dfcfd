// dse explore: searches the mappings of a model on a platform and keeps the Pareto front in the archive.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "dse/commands/archive_report.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/model_options.hpp"
#include "dse/commands/platform_warnings.hpp"
#include "dse/report/progress.hpp"
#include "dse/search/bounds.hpp"
#include "dse/search/infeasible.hpp"
#include "dse/search/islands.hpp"
#include "dse/search/recorder.hpp"
#include "dse/search/request.hpp"
#include "dse/search/seeds.hpp"
#include "dse/version.hpp"
#include "engine/engine.hpp"
#include "estimator/presets.hpp"

namespace dse {
namespace {

using search::Request;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// Rows of the table that follows the summary; `dse front` has them all.
constexpr std::size_t shown_rows = 20;
// Seeds beyond this many are worth less than generations, even where time is the budget.
constexpr std::int64_t most_seeds = 5000;

double seconds_since(Clock::time_point begun) { return std::chrono::duration<double>(Clock::now() - begun).count(); }

void warn_of_assumptions(const Platform& platform, const Console& console) {
  warn_of_platform(platform, console);
  const bool assumed = std::any_of(platform.devices.begin(), platform.devices.end(),
                                   [](const Device& device) { return device.power.source == Provenance::assumed; });
  if (assumed) console.warn("the energy rests on assumed power figures: compare mappings by it, nothing else");
}

// The command that would start this run again, for people.
std::string as_typed(const Arguments& arguments) {
  std::string text = "dse explore " + arguments.text("MODEL");
  const auto add = [&](const std::string& name) {
    for (const std::string& value : arguments.list(name)) text += fmt::format(" {} {}", name, value);
  };
  for (const char* name : {"--platform", "--db", "--resume"}) add(name);
  for (const OptionSpec& option : search::request_options()) add(option.name);
  add("--shape");
  return text;
}

Json facts_of_host() {
  const HostFingerprint host = this_host(engine::Engine::started() ? engine::Engine::instance().version() : "");
  return {{"cpu", host.cpu},
          {"cores", host.cores},
          {"memory_bytes", host.memory_bytes},
          {"kernel", host.kernel},
          {"engine_version", host.engine_version}};
}

archive::RunInfo run_info(const Arguments& arguments, const Request& request, const Network& network,
                          const Platform& platform) {
  archive::RunInfo info;
  info.model_path = fs::absolute(arguments.text("MODEL")).lexically_normal().string();
  info.model_name = network.name();
  info.model_sha256 = network.sha256();
  info.platform_path = fs::absolute(arguments.text("--platform")).lexically_normal().string();
  info.platform_text = platform.text;
  info.platform_sha256 = platform.sha256;
  info.options_json = to_json(request);
  info.argv = as_typed(arguments);
  info.seed = request.search.seed;
  info.versions_json = versions_json();
  info.host_json = facts_of_host().dump();
  return info;
}

archive::Run stored_run(const archive::Archive& archive, const Arguments& arguments) {
  const std::int64_t id = arguments.integer("--resume", 1, std::numeric_limits<std::int64_t>::max());
  const auto run = archive.run(id);
  if (!run) throw Error(ExitCode::usage, "RESUME-RUN", fmt::format("{} has no run {}", arguments.text("--db"), id));
  if (run->state.empty()) {
    throw Error(ExitCode::usage, "RESUME-RUN",
                fmt::format("run {} ended before its first checkpoint; start a new run", id));
  }
  return *run;
}

void require_same(const archive::Run& run, const Network& network, const Platform& platform) {
  const auto refuse = [&](std::string_view what) {
    throw Error(
        ExitCode::usage, "RESUME-INPUT",
        fmt::format("run {} explored another {} (its sha256 differs); resume with the same one, or start a new run",
                    run.id, what));
  };
  if (run.info.model_sha256 != network.sha256()) refuse("model");
  if (run.info.platform_sha256 != platform.sha256) refuse("platform, or other profiles or corrections of it");
}

// The model with the shapes of the request: those of a resumed run are stored with it.
Network import_for(const Arguments& arguments, const Request& request, Console& console) {
  Arguments with_shapes = arguments;
  if (!arguments.has("--shape")) {
    for (const std::string& shape : request.shapes) with_shapes.set("--shape", shape);
  }
  return import_model(with_shapes, arguments.text("MODEL"), console);
}

// One search from its first evaluation to its last commit.
class Exploration {
 public:
  // archive: null on islands other than the first.
  Exploration(const Request& request, archive::Archive* archive, std::int64_t run, const Network& network,
              const Platform& platform)
      : request_(request),
        run_(run),
        network_(network),
        platform_(platform),
        estimator_(network, platform),
        space_(make_space(network, platform, request.strategies, device_speeds(estimator_))),
        evaluator_(estimator_, space_),
        bounds_(search::lower_bounds(estimator_, space_, request.search.objectives)),
        search_(evaluator_, space_, request.search, bounds_),
        recorder_(archive == nullptr
                      ? std::nullopt
                      : std::optional<search::Recorder>(std::in_place, *archive, run, network, platform, space_)) {}

  void start() {
    begun_ = Clock::now();
    const std::int64_t limit = std::min(request_.search.evaluations, most_seeds);
    search_.start(search::seeds(space_, chain_costs(estimator_), request_.search.population,
                                static_cast<std::size_t>(limit), request_.search.seed));
  }
  void resume(const std::string& state, double seconds_before) {
    begun_ = Clock::now();
    seconds_before_ = seconds_before;
    search_.resume(state);
  }
  // False where a signal stopped it; the state is saved either way.
  bool run(const Console& console) {
    report::Progress progress(console, "exploring");
    bool stopped = interrupted();
    while (!stopped && !search_.finished() && !out_of_time()) {
      search_.step();
      if (recorder_->due()) recorder_->checkpoint(search_, seconds());
      progress.update(done(),
                      fmt::format("{} mappings, front of {}", search_.evaluations().count(), search_.front().size()));
      stopped = interrupted();
    }
    recorder_->checkpoint(search_, seconds());
    evaluations_ = search_.evaluations().count();
    finished_seconds_ = seconds();
    return !stopped;
  }
  // The same on one of several islands.
  bool run_on_island(search::Archipelago& sea, bool resumed, const Console& console) {
    report::Progress progress(console, fmt::format("exploring on {} islands", sea.size()));
    search::Islands islands(search_, sea);
    const auto wish = [&] {
      return search::Islands::Wish{interrupted() || out_of_time(), recorder_ && recorder_->due()};
    };
    const search::Islands::Epoch epoch = islands.run(resumed, wish, [&](const search::Islands::Epoch& done_so_far) {
      evaluations_ = done_so_far.evaluations;
      if (recorder_ && !done_so_far.state.empty())
        recorder_->checkpoint(search_, seconds(), done_so_far.state, done_so_far.evaluations);
      progress.update(done(), fmt::format("{} mappings, front of {}", evaluations_, search_.front().size()));
    });
    evaluations_ = epoch.evaluations;
    if (recorder_) recorder_->checkpoint(search_, seconds(), epoch.state, epoch.evaluations);
    finished_seconds_ = seconds();
    return !epoch.stopped || !interrupted();
  }

  const search::Search& search() const { return search_; }
  Json summary() const;

 private:
  search::Fitness best() const;
  std::string ending_text() const;
  double seconds() const { return seconds_before_ + seconds_since(begun_); }
  bool out_of_time() const { return request_.seconds && seconds() >= *request_.seconds; }
  double done() const {
    if (request_.seconds) return std::min(1.0, seconds() / *request_.seconds);
    return static_cast<double>(std::max(evaluations_, search_.evaluations().count())) /
           static_cast<double>(request_.search.evaluations);
  }

  const Request& request_;
  std::int64_t run_;
  const Network& network_;
  const Platform& platform_;
  Estimator estimator_;
  search::Space space_;
  search::EstimatorEvaluator evaluator_;
  search::Fitness bounds_;
  search::Search search_;
  std::optional<search::Recorder> recorder_;
  std::int64_t evaluations_ = 0;  // of all islands
  Clock::time_point begun_;
  double seconds_before_ = 0, finished_seconds_ = 0;
};

// Objectives by name in their natural sense (survivability is what is left, not its negation).
Json by_objective(const std::vector<Objective>& objectives, const search::Fitness& values) {
  Json object = Json::object();
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    object[std::string(to_string(objectives[o]))] = objectives[o] == Objective::survivability ? -values[o] : values[o];
  }
  return object;
}

// The least of each objective on the front; infinite where that is empty.
search::Fitness Exploration::best() const {
  search::Fitness least(request_.search.objectives.size(), std::numeric_limits<double>::infinity());
  for (const search::FrontEntry& entry : search_.front().entries())
    for (std::size_t o = 0; o < least.size(); ++o) least[o] = std::min(least[o], entry.values[o]);
  return least;
}

std::string Exploration::ending_text() const {
  const search::Ending ending = search_.ending();
  if (ending != search::Ending::none) return std::string(to_string(ending));
  return out_of_time() ? "the time is spent" : "it was interrupted";
}

Json Exploration::summary() const {
  const std::int64_t evaluations = evaluations_;
  Json summary;
  summary["run_id"] = run_;
  summary["evaluations"] = evaluations;
  summary["seconds"] = finished_seconds_;
  summary["evaluations_per_second"] = finished_seconds_ > 0 ? static_cast<double>(evaluations) / finished_seconds_ : 0;
  summary["front_size"] = search_.front().size();
  summary["hypervolume"] = search_.hypervolume();
  summary["exact"] = search_.exact();
  summary["ended"] = ending_text();
  summary["bounds"] = by_objective(request_.search.objectives, bounds_);
  summary["best"] = by_objective(request_.search.objectives, best());
  summary["reference"] = by_objective(request_.search.objectives, search_.reference());
  return summary;
}

// "period within 3.1 % of the bound of 51.2 ms, memory-max exact": how near the front is to what nothing can beat.
std::string bounds_text(const Json& summary, const std::vector<Objective>& objectives) {
  constexpr double rounding = 1e-9;
  std::string text;
  for (const Objective objective : objectives) {
    const std::string name(to_string(objective));
    const double bound = summary.at("bounds").at(name).get<double>(), best = summary.at("best").at(name).get<double>();
    if (!(std::abs(bound) > 0)) continue;  // not known
    const double gap = std::abs(best - bound) / std::abs(bound);
    const bool exact = gap <= rounding || summary.at("exact").get<bool>();
    text += text.empty() ? "" : ", ";
    text += exact ? name + " exact"
                  : fmt::format("{} within {:.2g} % of the bound of {}", name, 100 * gap,
                                search::with_unit(bound, objective));
  }
  return text;
}

// Of a long front: the knee, the best in each objective, and evenly spaced ones in the order of the first objective.
std::vector<archive::Candidate> worth_showing(std::vector<archive::Candidate> front, std::optional<std::int64_t> knee,
                                              const std::vector<Objective>& objectives) {
  const auto by = [](Objective objective) {
    return [objective](const archive::Candidate& a, const archive::Candidate& b) {
      return objective_value(a.estimate, objective) < objective_value(b.estimate, objective);
    };
  };
  std::stable_sort(front.begin(), front.end(), by(objectives.front()));
  if (front.size() <= shown_rows) return front;
  std::set<std::int64_t> ids;
  if (knee) ids.insert(*knee);
  for (Objective objective : objectives) ids.insert(std::min_element(front.begin(), front.end(), by(objective))->id);
  const std::size_t spaced = shown_rows - ids.size();
  for (std::size_t i = 0; i < spaced; ++i) ids.insert(front[i * (front.size() - 1) / (spaced - 1)].id);
  std::erase_if(front, [&](const archive::Candidate& candidate) { return !ids.contains(candidate.id); });
  return front;
}

// How many of the front's candidates differ from the knee by no more than the estimates may be off.
std::string alike_text(const archive::Archive& archive, std::int64_t run, const std::vector<Objective>& objectives) {
  const auto knee = archive.knee(run, objectives);
  const std::vector<archive::Candidate> front = archive.front(run);
  const auto of_knee =
      std::find_if(front.begin(), front.end(), [&](const auto& one) { return knee && one.id == *knee; });
  if (of_knee == front.end()) return "";
  const auto alike = std::count_if(front.begin(), front.end(), [&](const archive::Candidate& one) {
    return one.id != of_knee->id && !told_apart(one.estimate, of_knee->estimate, objectives);
  });
  if (alike == 0) return "";
  return fmt::format(
      "{} of the front cannot be told apart from the knee: they differ by less than the estimates' own ±", alike);
}

void print_table(const Json& summary, const Request& request, const archive::Archive& archive, const fs::path& database,
                 const Console& console) {
  const auto run = summary.at("run_id").get<std::int64_t>();
  console.out << fmt::format("run {}: {} mappings in {:.2f} s ({:.0f} a second), front of {}{}, hypervolume {:.4f}\n",
                             run, summary.at("evaluations").get<std::int64_t>(), summary.at("seconds").get<double>(),
                             summary.at("evaluations_per_second").get<double>(),
                             summary.at("front_size").get<std::int64_t>(),
                             summary.at("exact").get<bool>() ? " (exact: every mapping of the space was tried)" : "",
                             summary.at("hypervolume").get<double>());
  const std::string bounds = bounds_text(summary, request.search.objectives);
  if (!bounds.empty()) console.out << "the best: " << bounds << "\n";
  const std::string alike = alike_text(archive, run, request.search.objectives);
  if (!alike.empty()) console.out << alike << "\n";
  console.out << '\n';
  const auto knee = archive.knee(run, request.search.objectives);
  const std::vector<archive::Candidate> front = archive.front(run);
  const std::vector<archive::Candidate> shown = worth_showing(front, knee, request.search.objectives);
  report::print_table(console.out, candidate_table(shown, knee));
  if (shown.size() < front.size()) {
    console.out << fmt::format("... and {} more: dse front {} --run {}\n", front.size() - shown.size(),
                               database.string(), run);
  }
}

void print_csv(const Json& summary, const Console& console) {
  report::Table table;
  table.rows.emplace_back();
  const auto add = [&](const std::string& key, const Json& value) {
    table.columns.push_back({key, key});
    if (value.is_boolean())
      table.rows.front().emplace_back(value.get<bool>());
    else if (value.is_number_integer())
      table.rows.front().emplace_back(value.get<std::int64_t>());
    else
      table.rows.front().emplace_back(value.get<double>());
  };
  for (const auto& [key, value] : summary.items()) {
    if (!value.is_object())
      add(key, value);
    else
      for (const auto& [name, inner] : value.items()) add(fmt::format("{}_{}", key, name), inner);
  }
  report::print_csv(console.out, table);
}

void print_summary(const Json& summary, const Request& request, const archive::Archive& archive,
                   const fs::path& database, const Console& console) {
  if (console.format == Format::json)
    console.out << report::json_text(summary);
  else if (console.format == Format::csv)
    print_csv(summary, console);
  else
    print_table(summary, request, archive, database, console);
}

// What a run begins with: where it is recorded, and from where it goes on.
struct Beginning {
  std::optional<archive::Archive> archive;
  std::optional<archive::Run> stored;
  std::int64_t run = 0;
};

void open_archive(const Arguments& arguments, Beginning& beginning) {
  if (!arguments.has("--resume")) return;
  beginning.archive.emplace(archive::Archive::open(fs::path(arguments.text("--db")), archive::Archive::Mode::open));
  beginning.stored = stored_run(*beginning.archive, arguments);
}

void begin_run(const Arguments& arguments, const Request& request, const Network& network, const Platform& platform,
               Beginning& beginning) {
  if (!beginning.archive)
    beginning.archive.emplace(
        archive::Archive::open(fs::path(arguments.text("--db")), archive::Archive::Mode::create_or_open));
  beginning.run = beginning.stored ? beginning.stored->id
                                   : beginning.archive->begin_run(run_info(arguments, request, network, platform));
}

// Ends the run in the archive, and tells of it.
void conclude(const Arguments& arguments, const Request& request, const Exploration& exploration, bool complete,
              Beginning& beginning, const Network& network, const Platform& platform, const Console& console) {
  const Json summary = exploration.summary();
  beginning.archive->finish_run(beginning.run, complete ? "done" : "interrupted", summary.dump());
  if (!complete) {
    throw Error(ExitCode::interrupted, "INTERRUPTED",
                fmt::format("run {} is saved; go on with --resume {}", beginning.run, beginning.run));
  }
  if (exploration.search().front().empty()) {
    throw Error(ExitCode::infeasible, "INFEASIBLE",
                why_infeasible(exploration.search().evaluations(), network, platform));
  }
  print_summary(summary, request, *beginning.archive, fs::path(arguments.text("--db")), console);
}

int explore_alone(const Arguments& arguments, Console& console) {
  Beginning beginning;
  open_archive(arguments, beginning);
  const Request request =
      search::read_request(arguments, beginning.stored ? &beginning.stored->info.options_json : nullptr);
  const Platform platform = read_platform(arguments.text("--platform"));
  warn_of_assumptions(platform, console);
  const Network network = import_for(arguments, request, console);
  if (beginning.stored) require_same(*beginning.stored, network, platform);
  if (arguments.has("--dry-run")) {
    console.out << report::json_text({{"model", network.name()},
                                      {"layers", network.layers().size()},
                                      {"devices", platform.devices.size()},
                                      {"options", Json::parse(to_json(request))}});
    return 0;
  }
  begin_run(arguments, request, network, platform, beginning);
  Exploration exploration(request, &*beginning.archive, beginning.run, network, platform);
  if (beginning.stored)
    exploration.resume(search::part_states(beginning.stored->state, 1).front(), beginning.stored->seconds);
  else
    exploration.start();
  const bool complete = exploration.run(console);
  conclude(arguments, request, exploration, complete, beginning, network, platform, console);
  return 0;
}

// What an island has before it searches. Island 0 opens the archive, the others are told what stands there.
class IslandStart {
 public:
  IslandStart(const Arguments& arguments, Console& console, search::Archipelago& sea)
      : arguments_(arguments), console_(console), sea_(sea) {}

  Beginning beginning;
  std::optional<Request> request;
  std::optional<Platform> platform;
  std::optional<Network> network;
  std::string state;  // to resume from; empty: from the start
  double seconds_before = 0;

  // Each step is shared, so that all islands fail where one does. Throws what failed on this island, or on another one.
  void run() {
    Json told = share([&] {
      if (sea_.rank() > 0) return Json::object();
      open_archive(arguments_, beginning);
      return beginning.stored ? Json{{"options", beginning.stored->info.options_json},
                                     {"states", search::part_states(beginning.stored->state, sea_.size())},
                                     {"seconds", beginning.stored->seconds}}
                              : Json::object();
    });
    if (told.contains("states")) {
      state = told.at("states").at(static_cast<std::size_t>(sea_.rank())).get<std::string>();
      seconds_before = told.at("seconds").get<double>();
    }
    told = share([&] {
      const std::string options = told.contains("options") ? told.at("options").get<std::string>() : "";
      request = search::read_request(arguments_, told.contains("options") ? &options : nullptr);
      platform = read_platform(arguments_.text("--platform"));
      if (sea_.rank() == 0) warn_of_assumptions(*platform, console_);
      network = import_for(arguments_, *request, console_);
      if (beginning.stored) require_same(*beginning.stored, *network, *platform);
      return Json{{"model", network->sha256()}, {"platform", platform->sha256}};
    });
    share([&] {
      if (told.at("model") != network->sha256() || told.at("platform") != platform->sha256)
        throw Error(ExitCode::usage, "ISLANDS-INPUT",
                    fmt::format("island {} reads another model or platform than island 0", sea_.rank()));
      if (sea_.rank() == 0) begin_run(arguments_, *request, *network, *platform, beginning);
      return Json::object();
    });
    request->search = search::island_options(request->search, sea_);
  }

 private:
  // Island 0's result at all islands.
  template <class Work>
  Json share(const Work& work) {
    Json mine;
    std::optional<Error> failed;
    try {
      mine["told"] = work();
    } catch (const Error& error) {
      failed = error;
      mine["failure"] = error.what();
      mine["exit"] = static_cast<int>(error.exit());
    }
    const std::vector<std::string> texts = sea_.gather_all(mine.dump());
    if (failed) throw *failed;
    for (std::size_t island = 0; island < texts.size(); ++island) {
      const Json other = Json::parse(texts[island]);
      if (other.contains("failure"))
        throw Error(
            static_cast<ExitCode>(other.at("exit").get<int>()), "ISLAND",
            fmt::format("island {} failed: {}", island, printable(other.at("failure").get<std::string>(), 500)));
    }
    return Json::parse(texts.front()).at("told");
  }

  const Arguments& arguments_;
  Console& console_;
  search::Archipelago& sea_;
};

int explore_on_islands(const Arguments& arguments, Console& console, search::Archipelago& sea) {
  if (arguments.has("--dry-run")) throw Error(ExitCode::usage, "USAGE", "--dry-run needs no islands: leave out mpirun");
  IslandStart start(arguments, console, sea);
  start.run();
  Exploration exploration(*start.request, start.beginning.archive ? &*start.beginning.archive : nullptr,
                          start.beginning.run, *start.network, *start.platform);
  if (start.state.empty())
    exploration.start();
  else
    exploration.resume(start.state, start.seconds_before);
  const bool complete = exploration.run_on_island(sea, !start.state.empty(), console);
  if (sea.rank() > 0) return 0;
  conclude(arguments, *start.request, exploration, complete, start.beginning, *start.network, *start.platform, console);
  return 0;
}

int explore(const Arguments& arguments, Console& console) {
  search::Archipelago* const sea = search::archipelago();
  return sea == nullptr ? explore_alone(arguments, console) : explore_on_islands(arguments, console, *sea);
}

}  // namespace

Command explore_command() {
  std::vector<OptionSpec> options = search::request_options();
  options.push_back(shape_option());
  options.push_back({.name = "--platform",
                     .value = "FILE",
                     .text = "the devices and networks",
                     .required = true,
                     .fallback = {},
                     .choices = {}});
  options.push_back({.name = "--db",
                     .value = "FILE",
                     .text = "the archive to write to; made where there is none",
                     .required = true,
                     .fallback = {},
                     .choices = {}});
  options.push_back({.name = "--resume",
                     .value = "RUN",
                     .text = "go on with a run that was interrupted, exactly where it stopped",
                     .fallback = {},
                     .choices = {}});
  options.push_back({.name = "--dry-run",
                     .value = "",
                     .text = "read and check everything, write nothing",
                     .fallback = {},
                     .choices = {}});
  return {{"explore"},
          "search how to cut up and place a network on the devices at hand",
          {{"MODEL", "the trained network (ONNX)"}},
          std::move(options),
          explore};
}

}  // namespace dse
