// dse show: one candidate, its mapping, what each device does, and what was measured.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "dse/commands/archive_report.hpp"
#include "dse/commands/candidate_id.hpp"
#include "dse/commands/commands.hpp"

namespace dse {
namespace {

void print_validations(std::ostream& out, const std::vector<archive::Validation>& validations) {
  std::int64_t position = 0;
  for (const archive::Validation& validation : validations) {
    const std::string outcome = !validation.failure.empty() ? "failed: " + printable(validation.failure, 500)
                                : validation.ok             ? "outputs right"
                                                            : "OUTPUTS WRONG";
    out << fmt::format("\nvalidation {}: {} (largest relative error {:.2e}, tolerance {:.2e}, {} frames{})\n",
                       ++position, outcome, validation.max_relative_output_error, validation.tolerance,
                       validation.frames, validation.oversubscribed ? ", oversubscribed: times mean little" : "");
  }
  const report::Table table = validation_table(validations);
  if (!table.rows.empty()) report::print_table(out, table);
}

void print_text(const Console& console, const archive::Candidate& candidate, const std::vector<std::string>& names,
                const std::vector<archive::Validation>& validations) {
  const Estimate& estimate = candidate.estimate;
  console.out << fmt::format("candidate {} of run {}: {}{}{}\n\n", candidate.id, candidate.run,
                             printable(candidate.strategy), candidate.on_front ? ", on the front" : "",
                             estimate.feasible ? "" : ", infeasible: " + printable(estimate.reason, 500));
  report::print_record(console, candidate_table({candidate}, std::nullopt).columns,
                       candidate_table({candidate}, std::nullopt).rows.front());
  if (!estimate.bottleneck.empty()) console.out << "the period is that of: " << printable(estimate.bottleneck) << '\n';
  console.out << '\n';
  report::print_table(console.out, stage_table(candidate.mapping_json));
  const report::Table devices = device_table(candidate, names);
  if (!devices.rows.empty()) {
    console.out << "\nper device and frame of the system:\n";
    report::print_table(console.out, devices);
  }
  print_validations(console.out, validations);
}

int run_show(const Arguments& arguments, Console& console) {
  const std::optional<std::int64_t> run_wanted = run_asked(arguments);
  const archive::Archive archive = archive::Archive::open(arguments.text("DB"), archive::Archive::Mode::read_only);
  const archive::Candidate candidate = find_candidate(archive, arguments.text("CANDIDATE"), run_wanted);
  const std::vector<std::string> names = archive.device_names(candidate.run);
  const std::vector<archive::Validation> validations = archive.validations(candidate.id);
  if (console.format == Format::json)
    console.out << report::json_text(candidate_json(candidate, names, validations));
  else if (console.format == Format::csv)
    report::print_csv(console.out, device_table(candidate, names));
  else
    print_text(console, candidate, names, validations);
  return 0;
}

}  // namespace

Command show_command() {
  return {{"show"},
          "show one candidate: its mapping, its devices, its validations",
          {{"DB", "the archive that dse explore wrote"}, {"CANDIDATE", "an id from dse front, or knee"}},
          {run_option()},
          run_show};
}

}  // namespace dse
