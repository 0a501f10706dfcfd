// dse validate: deploys stored candidates, runs them, and stores what was measured beside what was estimated.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "dse/commands/candidate_id.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/feedback.hpp"
#include "dse/commands/model_options.hpp"
#include "dse/commands/platform_warnings.hpp"
#include "dse/commands/power_options.hpp"
#include "dse/commands/step_timeline.hpp"
#include "dse/commands/subject.hpp"
#include "dse/commands/validation.hpp"
#include "dse/report/table.hpp"
#include "engine/engine.hpp"
#include "platform/fingerprint.hpp"
#include "validator/launch.hpp"

namespace dse {
namespace {

using report::Quantity;

struct Validated {
  std::int64_t candidate = 0;
  ValidationRun run;
};

struct Pair {
  const char* key;
  const char* title;
  Quantity quantity;
  double estimated;
  std::optional<double> measured;
};

std::vector<Pair> pairs(const archive::Validation& of) {
  const auto measured = [&](double value) { return of.period_measured_s > 0 ? std::optional(value) : std::nullopt; };
  return {{"latency_s", "latency", Quantity::seconds, of.latency_estimated_s, measured(of.latency_measured_s)},
          {"period_s", "period", Quantity::seconds, of.period_estimated_s, measured(of.period_measured_s)},
          {"memory_max_bytes", "memory, highest", Quantity::bytes, of.memory_estimated_bytes,
           measured(of.memory_measured_bytes)},
          {"energy_max_j", "energy, highest", Quantity::joules, of.energy_estimated_j, of.energy_measured_j}};
}

std::optional<double> ratio(const Pair& pair) {
  if (!pair.measured || *pair.measured <= 0) return std::nullopt;
  return pair.estimated / *pair.measured;
}

std::string outcome(const archive::Validation& of) {
  if (!of.failure.empty()) return "failed";
  return of.ok ? "right" : "WRONG";
}

bool of_energy(const Pair& pair) { return pair.quantity == Quantity::joules; }

std::string title(const Validated& one, const Pair& pair) {
  return std::string(pair.title) + (of_energy(pair) && one.run.energy_assumed ? " (assumed)" : "");
}

// What measured the energy; times and memory need no sensor.
report::Cell sensor(const Validated& one, const Pair& pair) {
  return of_energy(pair) ? report::Cell(energy_label(one.run.energy)) : report::Cell();
}

report::Table table_of(const std::vector<Validated>& all) {
  report::Table table{{{"candidate_id", "candidate"},
                       {"quantity", "quantity"},
                       {"estimated", "estimated"},
                       {"measured", "measured"},
                       {"ratio", "estimated/measured"},
                       {"measured_with", "measured with"},
                       {"outputs", "outputs"},
                       {"max_relative_output_error", "largest error"}},
                      {}};
  for (const Validated& one : all)
    for (const Pair& pair : pairs(one.run.validation))
      table.rows.push_back({one.candidate, title(one, pair), report::human(pair.estimated, pair.quantity),
                            pair.measured ? report::Cell(report::human(*pair.measured, pair.quantity)) : report::Cell(),
                            ratio(pair), sensor(one, pair), outcome(one.run.validation),
                            one.run.validation.max_relative_output_error});
  return table;
}

report::Table csv_of(const std::vector<Validated>& all) {
  report::Table table{
      {{"candidate_id", ""}, {"quantity", ""}, {"estimated", ""}, {"measured", ""}, {"ok", ""}, {"measured_with", ""}},
      {}};
  for (const Validated& one : all)
    for (const Pair& pair : pairs(one.run.validation))
      table.rows.push_back(
          {one.candidate, pair.key, pair.estimated, pair.measured, one.run.validation.ok, sensor(one, pair)});
  return table;
}

nlohmann::ordered_json json_of(const Validated& one) {
  const archive::Validation& of = one.run.validation;
  nlohmann::ordered_json estimated;
  nlohmann::ordered_json measured;
  for (const Pair& pair : pairs(of)) {
    estimated[pair.key] = pair.estimated;
    measured[pair.key] = pair.measured ? nlohmann::ordered_json(*pair.measured) : nlohmann::ordered_json(nullptr);
  }
  nlohmann::ordered_json result{{"candidate_id", one.candidate},
                                {"ok", of.ok},
                                {"max_relative_output_error", of.max_relative_output_error},
                                {"tolerance", of.tolerance},
                                {"estimated", estimated},
                                {"measured", measured},
                                {"frames", of.frames},
                                {"oversubscribed", of.oversubscribed},
                                {"link", one.run.link},
                                {"energy_assumed", one.run.energy_assumed},
                                {"energy_label", energy_label(one.run.energy)},
                                {"energy", to_json(one.run.energy)},
                                {"failure", nullptr}};
  if (!of.failure.empty()) result["failure"] = of.failure;
  return result;
}

void print(Console& console, const std::vector<Validated>& all) {
  if (console.format == Format::csv) return report::print(console, csv_of(all));
  if (console.format == Format::table) return report::print(console, table_of(all));
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const Validated& one : all) array.push_back(json_of(one));
  console.out << report::json_text(array);
}

// The first `count` of the front, best first by the objective asked for, else by the run's first.
std::vector<archive::Candidate> top(const archive::Archive& archive, const archive::Run& run,
                                    const Arguments& arguments) {
  std::vector<archive::Candidate> front = archive.front(run.id);
  const Objective objective =
      arguments.has("--sort") ? objective_from_string(arguments.text("--sort")) : objectives_of(run).front();
  std::stable_sort(front.begin(), front.end(), [&](const archive::Candidate& a, const archive::Candidate& b) {
    return objective_value(a.estimate, objective) < objective_value(b.estimate, objective);
  });
  const auto count = static_cast<std::size_t>(arguments.integer("--top", 1, 10'000));
  if (front.size() > count) front.resize(count);
  return front;
}

std::vector<archive::Candidate> chosen(const archive::Archive& archive, const Arguments& arguments) {
  if (arguments.has("--top") && arguments.has("--candidate"))
    throw Error(ExitCode::usage, "USAGE",
                "--top chooses the best of the front, --candidate names them: give one of the two");
  if (arguments.has("--top")) {
    const std::optional<archive::Run> run = archive.run(resolve_run(archive, run_asked(arguments)));
    std::vector<archive::Candidate> candidates = top(archive, *run, arguments);
    if (candidates.empty())
      throw Error(ExitCode::infeasible, "CANDIDATE", fmt::format("the front of run {} is empty", run->id));
    return candidates;
  }
  std::vector<std::string> names = arguments.list("--candidate");
  if (names.empty()) names.push_back("knee");
  std::vector<archive::Candidate> candidates;
  for (const std::string& name : names) candidates.push_back(find_candidate(archive, name, run_asked(arguments)));
  return candidates;
}

// A run's network, read once, and the golden tensors computed once for all its candidates.
struct Opened {
  Subject subject;
  HostFingerprint here;
  std::unique_ptr<deploy::Reference> reference;
};

class Validator {
 public:
  Validator(archive::Archive& archive, const Arguments& arguments, Console& console)
      : archive_(archive), arguments_(arguments), console_(console), options_(measure_options(arguments)) {}

  Validated validate(const archive::Candidate& candidate) {
    Opened& opened = open(candidate.run);
    const Mapping mapping = mapping_from_json(candidate.mapping_json, fmt::format("candidate {}", candidate.id),
                                              *opened.subject.network, opened.subject.platform);
    const TempDir scratch("dse-validate");
    console_.note(fmt::format("candidate {}: {} rounds on {} devices", candidate.id, options_.rounds,
                              candidate.estimate.device_count));
    Validated result{candidate.id, validate_mapping(*opened.reference, opened.subject.platform, mapping,
                                                    place(candidate, scratch), options_)};
    if (result.run.exit == ExitCode::interrupted)
      throw Error(ExitCode::interrupted, "INTERRUPTED", "interrupted; earlier candidates are stored");
    archive_.add_validation(candidate.id, result.run.validation);
    tell(result);
    if (!arguments_.has("--no-feedback"))
      record_feedback(opened.subject.platform, result.run.samples, opened.here, console_);
    return result;
  }

 private:
  static validator::MeasureOptions measure_options(const Arguments& arguments) {
    validator::MeasureOptions options;
    options.worker = validator::find_worker(arguments.text("--program"));
    if (arguments.has("--frames"))
      options.frames = static_cast<std::size_t>(arguments.integer("--frames", 2, 1'000'000));
    options.rounds = static_cast<std::size_t>(arguments.integer("--rounds", 1, 1000));
    const runtime::PowerSensorOptions power = power_asked(arguments);
    options.power_sensor = power.kind;
    options.power_root = power.root;
    if (arguments.has("--timeline")) options.traced_frames = timeline_frames;
    options.cancelled = [] { return interrupted(); };
    return options;
  }

  Opened& open(std::int64_t id) {
    const auto known = opened_.find(id);
    if (known != opened_.end()) return known->second;
    const std::optional<archive::Run> run = archive_.run(id);
    if (!run)
      throw Error(ExitCode::database, "DB-DAMAGED", fmt::format("run {} is not stored, a candidate of it is", id));
    Opened opened{reopen(*run, arguments_, console_), {}, nullptr};
    opened.here = host_of(opened.subject.platform);
    for (const std::string& warning : fingerprint_warnings(opened.subject.platform, opened.here))
      if (warned_.insert(warning).second) console_.warn(warning);
    opened.reference = std::make_unique<deploy::Reference>(*opened.subject.network, engine::Engine::instance());
    return opened_.emplace(id, std::move(opened)).first->second;
  }

  fs::path place(const archive::Candidate& candidate, const TempDir& scratch) const {
    if (!arguments_.has("--keep")) return scratch.path() / "package";
    return fs::path(arguments_.text("--keep")) / fmt::format("candidate_{}", candidate.id);
  }

  void tell(const Validated& result) const {
    const archive::Validation& of = result.run.validation;
    if (!of.failure.empty()) console_.warn(fmt::format("candidate {}: {}", result.candidate, of.failure));
    if (of.failure.empty() && !of.ok)
      console_.warn(fmt::format("candidate {}: outputs are wrong: largest relative error {:.2e}, tolerance {:.2e}",
                                result.candidate, of.max_relative_output_error, of.tolerance));
    if (of.oversubscribed)
      console_.warn(
          fmt::format("candidate {}: its devices share cores of this machine (oversubscribed): its times prove nothing",
                      result.candidate));
    for (const std::string& line : energy_lines(result.run.energy, result.run.energy_assumed))
      console_.note(fmt::format("candidate {}: {}", result.candidate, line));
    if (result.run.link.starts_with("this machine"))
      console_.note(fmt::format("candidate {}: estimated for {}", result.candidate, result.run.link));
  }

  archive::Archive& archive_;
  const Arguments& arguments_;
  Console& console_;
  validator::MeasureOptions options_;
  std::map<std::int64_t, Opened> opened_;
  std::set<std::string> warned_;  // of other machines' profiles: runs may share a platform
};

// The worst of the runs, and 9 where an estimate is further off than --max-error allows.
int exit_code(const std::vector<Validated>& all, const Arguments& arguments, const Console& console) {
  int code = 0;
  const double limit = arguments.has("--max-error") ? arguments.number("--max-error", 0, 1e6) : HUGE_VAL;
  for (const Validated& one : all) {
    code = std::max(code, static_cast<int>(one.run.exit));
    for (const Pair& pair : pairs(one.run.validation)) {
      const std::optional<double> of = ratio(pair);
      if (!of || std::abs(*of - 1) <= limit) continue;
      console.warn(fmt::format("candidate {}: the estimate of {} is {:+.1f} % off, more than --max-error allows",
                               one.candidate, pair.title, 100 * (*of - 1)));
      code = std::max(code, static_cast<int>(ExitCode::mismatch));
    }
  }
  return code;
}

void say_what_would_be_done(Console& console, const std::vector<archive::Candidate>& candidates) {
  report::Table table{
      {{"candidate_id", "candidate"}, {"run_id", "run"}, {"strategy", "strategy"}, {"device_count", "devices"}}, {}};
  for (const archive::Candidate& candidate : candidates)
    table.rows.push_back({candidate.id, candidate.run, candidate.strategy, candidate.estimate.device_count});
  console.note("would deploy these, run them over MPI and store what was measured");
  report::print(console, table);
}

void check_one_timeline(const std::vector<archive::Candidate>& candidates, const Arguments& arguments) {
  if (arguments.has("--timeline") && candidates.size() > 1)
    throw Error(ExitCode::usage, "USAGE",
                fmt::format("--timeline shows one candidate, {} are to be validated", candidates.size()));
}

int run_validate(const Arguments& arguments, Console& console) {
  const bool dry = arguments.has("--dry-run");
  auto archive = archive::Archive::open(arguments.text("DB"),
                                        dry ? archive::Archive::Mode::read_only : archive::Archive::Mode::open);
  const std::vector<archive::Candidate> candidates = chosen(archive, arguments);
  check_one_timeline(candidates, arguments);
  if (dry) {
    say_what_would_be_done(console, candidates);
    return 0;
  }
  Validator validator(archive, arguments, console);
  std::vector<Validated> all;
  for (const archive::Candidate& candidate : candidates) all.push_back(validator.validate(candidate));
  print(console, all);
  // After what was measured is stored and told: a timeline that cannot be written must not lose it.
  if (arguments.has("--timeline") && !all.front().run.timeline.events.empty())
    write_timeline(arguments, all.front().run.timeline, console);
  return exit_code(all, arguments, console);
}

}  // namespace

Command validate_command() {
  return {
      {"validate"},
      "deploy candidates, run them over MPI, compare outputs and estimates, store the results",
      {{"DB", "the archive that dse explore wrote"}},
      {{"--candidate", "C", "an id from dse front, or knee; may be repeated; default: knee", false, true, "", {}},
       {"--top", "N", "the N best of the front instead", false, false, "", {}},
       {"--sort", "OBJECTIVE", "what --top means by best; default: the run's first objective", false, false, "", {}},
       run_option(),
       {"--frames", "N", "measured frames of each round; default: about two seconds of them", false, false, "", {}},
       {"--rounds", "N", "runs of which medians are taken", false, false, "3", {}},
       {"--max-error", "R", "exit 9 where an estimate is further off than this (0.1: 10 %)", false, false, "", {}},
       {"--keep", "DIR", "keep the packages in this folder", false, false, "", {}},
       {"--no-feedback", "", "do not correct the devices' later estimates by what is measured", false, false, "", {}},
       timeline_option("measured"),
       power_sensor_option(),
       power_root_option(),
       {"--program", "PATH", "the dse-worker to run", false, false, "", {}},
       moved_model_option(),
       shape_option(),
       {"--dry-run", "", "say what would be run", false, false, "", {}}},
      run_validate};
}

}  // namespace dse
