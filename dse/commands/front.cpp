// dse front: the candidates of a run that no other one beats.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "dse/commands/archive_report.hpp"
#include "dse/commands/candidate_id.hpp"
#include "dse/commands/commands.hpp"

namespace dse {
namespace {

void sort_by(std::vector<archive::Candidate>& front, Objective objective) {
  std::stable_sort(front.begin(), front.end(), [objective](const auto& a, const auto& b) {
    return objective_value(a.estimate, objective) < objective_value(b.estimate, objective);
  });
}

int run_front(const Arguments& arguments, Console& console) {
  const std::optional<std::int64_t> run_wanted = run_asked(arguments);
  const Objective order = objective_from_string(arguments.text("--sort"));
  const archive::Archive archive = archive::Archive::open(arguments.text("DB"), archive::Archive::Mode::read_only);
  const std::int64_t run = resolve_run(archive, run_wanted);
  std::vector<archive::Candidate> front = archive.front(run);
  sort_by(front, order);
  report::print(console, candidate_table(front, archive.knee(run, objectives_of(*archive.run(run)))));
  if (front.empty()) console.note(fmt::format("the front of run {} is empty", run));
  return 0;
}

}  // namespace

Command front_command() {
  return {{"front"},
          "list the Pareto front of a run",
          {{"DB", "the archive that dse explore wrote"}},
          {run_option(),
           {"--sort",
            "OBJECTIVE",
            "order of the rows, best first",
            false,
            false,
            "latency",
            {"latency", "period", "energy-max", "energy-sum", "memory-max", "devices", "survivability"}}},
          run_front};
}

}  // namespace dse
