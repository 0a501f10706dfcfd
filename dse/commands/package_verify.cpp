// dse package verify: every byte of a package, and with --run what it computes.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "deploy/verify.hpp"
#include "dse/commands/commands.hpp"
#include "dse/report/table.hpp"
#include "validator/launch.hpp"
#include "validator/measure.hpp"
#include "validator/report.hpp"

namespace dse {
namespace {

struct Trial {
  ExitCode exit = ExitCode::done;
  std::string failure;
  std::size_t frames = 0;
  std::optional<double> max_relative_output_error;
};

// Every golden frame, and every replica at least twice.
std::size_t trial_frames(const deploy::PackageFacts& package) {
  const std::vector<program::Replica>& replicas = package.programs.deployment.replicas;
  std::int64_t cycle = 0;
  for (const program::Replica& replica : replicas) cycle += replica.share;
  std::size_t frames = std::max(package.manifest.golden.frames.size(), static_cast<std::size_t>(2 * cycle));
  for (const program::Replica& replica : replicas) frames = std::max(frames, 2 * replica.frames_in_flight);
  return frames;
}

Trial try_out(const deploy::PackageFacts& package, const std::string& program) {
  Trial trial;
  trial.frames = trial_frames(package);
  validator::Launch request;
  request.packages = {package.path};
  request.worker = validator::find_worker(program);
  request.arguments = {"--frames", std::to_string(trial.frames), "--warmup", "0", "--check", "--verify-cuts"};
  request.deadline = validator::run_deadline(package.manifest, trial.frames);
  request.cancelled = [] { return interrupted(); };
  const validator::Outcome outcome = validator::launch(request);
  trial.exit = outcome.exit;
  trial.failure = outcome.failure;
  if (outcome.exit == ExitCode::done || (outcome.exit == ExitCode::mismatch && !outcome.output.empty()))
    trial.max_relative_output_error =
        validator::parse_reports(outcome.output, package.programs.deployment.devices).front().max_relative_output_error;
  return trial;
}

std::string verdict(const Trial& trial) {
  const std::string error = trial.max_relative_output_error
                                ? fmt::format(", largest relative error {:.2e}", *trial.max_relative_output_error)
                                : "";
  if (trial.exit == ExitCode::done) return fmt::format("{} frames, outputs right{}", trial.frames, error);
  return trial.failure + error;
}

void print(Console& console, const deploy::PackageFacts& package, const std::optional<Trial>& trial) {
  report::Table table{{{"path", "package"},
                       {"files", "files"},
                       {"bytes", "size", report::Quantity::bytes},
                       {"ok", "ok"},
                       {"run", "run"}},
                      {}};
  if (console.format != Format::json) {
    table.rows.push_back({printable(package.path.string(), 4000), package.files, static_cast<double>(package.bytes),
                          !trial || trial->exit == ExitCode::done,
                          trial ? report::Cell(verdict(*trial)) : report::Cell()});
    return report::print(console, table);
  }
  nlohmann::ordered_json result{{"path", package.path.string()},
                                {"files", package.files},
                                {"bytes", package.bytes},
                                {"ok", !trial || trial->exit == ExitCode::done},
                                {"frames", nullptr},
                                {"max_relative_output_error", nullptr},
                                {"failure", nullptr}};
  if (trial) {
    result["frames"] = trial->frames;
    if (trial->max_relative_output_error) result["max_relative_output_error"] = *trial->max_relative_output_error;
    if (!trial->failure.empty()) result["failure"] = trial->failure;
  }
  console.out << report::json_text(result);
}

int run_verify(const Arguments& arguments, Console& console) {
  const deploy::PackageFacts package = deploy::verify_package(arguments.text("DIR"));
  std::optional<Trial> trial;
  if (arguments.has("--run")) trial = try_out(package, arguments.text("--program"));
  print(console, package, trial);
  if (trial && trial->exit != ExitCode::done) console.warn(trial->failure);
  return trial ? static_cast<int>(trial->exit) : 0;
}

}  // namespace

Command package_verify_command() {
  return {
      {"package", "verify"},
      "check every byte of a package; with --run, what it computes",
      {{"DIR", "the package"}},
      {{"--run", "", "run its golden inputs over MPI and compare every tensor that was stored", false, false, "", {}},
       {"--program", "PATH", "the dse-worker to run", false, false, "", {}}},
      run_verify};
}

}  // namespace dse
