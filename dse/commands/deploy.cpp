// dse deploy: a stored candidate, a mapping written by hand, or the best of a strategy, as a package that runs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "deploy/package.hpp"
#include "dse/commands/candidate_id.hpp"
#include "dse/commands/chosen_mapping.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/model_options.hpp"
#include "dse/commands/platform_warnings.hpp"
#include "dse/commands/subject.hpp"
#include "dse/report/table.hpp"
#include "engine/engine.hpp"
#include "partition/plan.hpp"

namespace dse {
namespace {

struct Choice {
  Subject subject;
  Mapping mapping;
  std::optional<std::int64_t> candidate;
};

Choice from_archive(const Arguments& arguments, Console& console) {
  if (!arguments.has("CANDIDATE"))
    throw Error(ExitCode::usage, "USAGE",
                "an archive was named: say which CANDIDATE to deploy (an id from dse front, or knee)");
  if (arguments.has("--platform") || asks_for_mapping(arguments))
    throw Error(ExitCode::usage, "USAGE",
                "a stored candidate has its platform and mapping; leave out --platform, --mapping, --strategy and what "
                "belongs to them");
  const auto archive = archive::Archive::open(arguments.text("SOURCE"), archive::Archive::Mode::read_only);
  const archive::Candidate candidate = find_candidate(archive, arguments.text("CANDIDATE"), run_asked(arguments));
  const std::optional<archive::Run> run = archive.run(candidate.run);
  if (!run)
    throw Error(ExitCode::database, "DB-DAMAGED", {arguments.text("SOURCE")},
                fmt::format("candidate {} belongs to no run", candidate.id));
  Choice choice{reopen(*run, arguments, console), {}, candidate.id};
  choice.mapping = mapping_from_json(candidate.mapping_json, fmt::format("candidate {}", candidate.id),
                                     *choice.subject.network, choice.subject.platform);
  return choice;
}

Choice from_files(const Arguments& arguments, Console& console) {
  if (arguments.has("CANDIDATE"))
    throw Error(ExitCode::usage, "USAGE", {arguments.text("SOURCE")},
                "is no archive of dse explore, so it has no candidates; a model takes --platform with --mapping or "
                "--strategy");
  if (!arguments.has("--platform")) throw Error(ExitCode::usage, "USAGE", "deploying a model needs --platform");
  Choice choice;
  choice.subject.platform = read_platform(arguments.text("--platform"));
  choice.subject.network = std::make_unique<const Network>(import_model(arguments, arguments.text("SOURCE"), console));
  choice.mapping = chosen_mapping(arguments, Estimator(*choice.subject.network, choice.subject.platform), console);
  warn_of_platform(choice.subject.platform, console);
  return choice;
}

report::Table rank_table(const deploy::Ranks& ranks, const Platform& platform, const Estimate& estimate) {
  report::Table table{{{"rank", "rank"},
                       {"device", "device"},
                       {"host", "host"},
                       {"cores", "cores"},
                       {"memory_bytes", "estimated memory", report::Quantity::bytes},
                       {"weight_bytes", "weights", report::Quantity::bytes}},
                      {}};
  for (std::size_t i = 0; i < ranks.ranks.size(); ++i) {
    const deploy::Rank& rank = ranks.ranks[i];
    DeviceEstimate device;
    for (const DeviceEstimate& of : estimate.devices)
      if (of.device == rank.device) device = of;
    table.rows.push_back({i, platform.devices[rank.device].name, rank.host,
                          fmt::format("{}", fmt::join(rank.cores, ",")), device.memory_bytes, device.weight_bytes});
  }
  return table;
}

void print_report(Console& console, const Choice& choice, const deploy::PackageReport& written,
                  const Estimate& estimate) {
  const report::Table ranks = rank_table(written.ranks, choice.subject.platform, estimate);
  if (console.format == Format::csv) return report::print(console, ranks);
  if (console.format == Format::table) {
    console.out << fmt::format(
        "{}: {} files, {}, {} golden frames\n\n", printable(written.path.string(), 4000), written.files,
        report::human(static_cast<double>(written.bytes), report::Quantity::bytes), written.golden.frames.size());
    report::print(console, ranks);
    return;
  }
  nlohmann::ordered_json result{{"path", written.path.string()},
                                {"candidate_id", nullptr},
                                {"files", written.files},
                                {"bytes", written.bytes},
                                {"golden_frames", written.golden.frames.size()},
                                {"tolerance", written.golden.tolerance},
                                {"oversubscribed", written.ranks.oversubscribed},
                                {"ranks", report::to_json(ranks)}};
  if (choice.candidate) result["candidate_id"] = *choice.candidate;
  console.out << report::json_text(result);
}

void say_what_would_be_done(const Arguments& arguments, Console& console, const Choice& choice, const Plan& plan,
                            const Estimate& estimate) {
  const deploy::Ranks ranks = deploy::assign_ranks(choice.subject.platform, plan.programs);
  console.note(fmt::format("would write a package of {} ranks and {} sub-models to {}", ranks.ranks.size(),
                           plan.segments.size(), printable(arguments.text("--output"))));
  report::print(console, rank_table(ranks, choice.subject.platform, estimate));
}

deploy::PackageOptions package_options(const Arguments& arguments) {
  deploy::PackageOptions options;
  options.force = arguments.has("--force");
  options.golden.frames =
      static_cast<std::size_t>(arguments.has("--golden-frames") ? arguments.integer("--golden-frames", 1, 10'000) : 0);
  options.wait = program::wait_policy_from_string(arguments.text("--wait"));
  options.cancelled = [] { return interrupted(); };
  return options;
}

int run_deploy(const Arguments& arguments, Console& console) {
  const deploy::PackageOptions options = package_options(arguments);
  const Choice choice =
      is_archive(arguments.text("SOURCE")) ? from_archive(arguments, console) : from_files(arguments, console);
  const Network& network = *choice.subject.network;
  const Platform& platform = choice.subject.platform;
  const Plan plan = lower(network, platform, choice.mapping);
  const Estimate estimate = Estimator(network, platform).estimate(plan);
  if (!estimate.feasible)
    throw Error(ExitCode::infeasible, "DEPLOY-INFEASIBLE", "this mapping does not fit: " + estimate.reason);
  if (arguments.has("--dry-run")) {
    say_what_would_be_done(arguments, console, choice, plan, estimate);
    return 0;
  }
  deploy::Reference reference(network, engine::Engine::instance());
  const deploy::PackageReport written = deploy::write_package(
      reference, platform, plan, manifest_estimate(platform, estimate), arguments.text("--output"), options);
  for (const std::string& warning : written.warnings) console.warn(warning);
  print_report(console, choice, written, estimate);
  return 0;
}

}  // namespace

Command deploy_command() {
  Command command{
      {"deploy"},
      "write the package that runs a mapping on its devices",
      {{"SOURCE", "the archive that dse explore wrote, or an ONNX model"},
       {"CANDIDATE", "an id from dse front, or knee; for an archive", false}},
      {{"-o,--output", "DIR", "the package: a new folder", true, false, "", {}},
       {"--platform", "FILE", "the platform, for a model", false, false, "", {}},
       run_option(),
       moved_model_option(),
       shape_option(),
       {"--wait",
        "HOW",
        "how workers wait for messages: spin, yield or sleep:MICROSECONDS",
        false,
        false,
        "sleep:50",
        {}},
       {"--golden-frames", "N", "inputs with expected tensors; otherwise 4, or 2 a replica", false, false, "", {}},
       {"--force", "", "replace a package that is there", false, false, "", {}},
       {"--dry-run", "", "say what would be written", false, false, "", {}}},
      run_deploy};
  const std::vector<OptionSpec> mapping = mapping_options();
  command.options.insert(command.options.begin() + 2, mapping.begin(), mapping.end());
  return command;
}

}  // namespace dse
