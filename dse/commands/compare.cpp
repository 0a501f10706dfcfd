// dse compare: two candidates side by side.
#include <fmt/format.h>

#include <cmath>

#include "base/error.hpp"
#include "dse/commands/archive_report.hpp"
#include "dse/commands/candidate_id.hpp"
#include "dse/commands/commands.hpp"

namespace dse {
namespace {

using report::Cell;
using report::Quantity;

struct Compared {
  std::string quantity;
  Quantity kind;
  double a, b;
  Objective objective;
};

std::vector<Compared> figures(const Estimate& a, const Estimate& b) {
  return {{"latency_s", Quantity::seconds, a.latency_s, b.latency_s, Objective::latency},
          {"period_s", Quantity::seconds, a.period_s, b.period_s, Objective::period},
          {"energy_max_j", Quantity::joules, a.energy_max_j, b.energy_max_j, Objective::energy_max},
          {"energy_sum_j", Quantity::joules, a.energy_sum_j, b.energy_sum_j, Objective::energy_sum},
          {"memory_max_bytes", Quantity::bytes, a.memory_max_bytes, b.memory_max_bytes, Objective::memory_max},
          {"device_count", Quantity::plain, static_cast<double>(a.device_count), static_cast<double>(b.device_count),
           Objective::devices},
          {"survivability", Quantity::fraction, a.survivability, b.survivability, Objective::survivability}};
}

std::string shown(const Compared& figure, double value) {
  if (figure.kind == Quantity::plain && std::isfinite(value)) return fmt::format("{:.0f}", value);
  return report::human(value, figure.kind);
}

report::Table comparison(const archive::Candidate& a, const archive::Candidate& b) {
  report::Table table{{{"quantity", "quantity"},
                       {"", fmt::format("candidate {}", a.id), Quantity::plain, false},
                       {"", fmt::format("candidate {}", b.id), Quantity::plain, false},
                       {"a", ""},
                       {"b", ""},
                       {"change", "change", Quantity::fraction},
                       {"told_apart", "told apart"}},
                      {}};
  for (const Compared& figure : figures(a.estimate, b.estimate)) {
    const double change = figure.b / figure.a - 1;
    const Cell shown_change = std::isfinite(change) ? Cell(change) : Cell();
    const bool apart = told_apart(a.estimate, b.estimate, std::span(&figure.objective, 1));
    table.rows.push_back({figure.quantity, shown(figure, figure.a), shown(figure, figure.b), figure.a, figure.b,
                          shown_change, figure.a == figure.b ? Cell() : Cell(apart)});
  }
  return table;
}

int run_compare(const Arguments& arguments, Console& console) {
  const std::optional<std::int64_t> run_wanted = run_asked(arguments);
  const archive::Archive archive = archive::Archive::open(arguments.text("DB"), archive::Archive::Mode::read_only);
  const archive::Candidate a = find_candidate(archive, arguments.text("A"), run_wanted);
  const archive::Candidate b = find_candidate(archive, arguments.text("B"), run_wanted);
  if (a.run != b.run) {
    const archive::RunInfo first = archive.run(a.run)->info;
    const archive::RunInfo second = archive.run(b.run)->info;
    if (first.model_sha256 != second.model_sha256) console.warn("the two candidates belong to different models");
    if (first.platform_sha256 != second.platform_sha256)
      console.warn("the two candidates belong to different platforms");
  }
  report::print(console, comparison(a, b));
  if (console.format != Format::table) return 0;
  console.out << "told apart: they differ by more than both estimates may be off\n";
  for (const archive::Candidate* candidate : {&a, &b}) {
    console.out << fmt::format("\ncandidate {}: {}\n", candidate->id, printable(candidate->strategy));
    report::print_table(console.out, stage_table(candidate->mapping_json));
  }
  return 0;
}

}  // namespace

Command compare_command() {
  return {{"compare"},
          "compare two candidates, figure by figure",
          {{"DB", "the archive that dse explore wrote"}, {"A", "an id from dse front, or knee"}, {"B", "another one"}},
          {run_option()},
          run_compare};
}

}  // namespace dse
