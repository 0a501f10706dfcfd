// dse estimate: one mapping, or the best of a strategy, with the schedule and where the time goes.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "dse/commands/chosen_mapping.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/model_options.hpp"
#include "dse/commands/platform_warnings.hpp"
#include "dse/commands/step_timeline.hpp"
#include "dse/report/table.hpp"
#include "estimator/estimate.hpp"
#include "partition/mapping.hpp"
#include "partition/plan.hpp"

namespace dse {
namespace {

using report::Quantity;

std::string_view tier_name(Tier tier) {
  switch (tier) {
    case Tier::table:
      return "measured kernels";
    case Tier::analytical:
      return "analytical";
    case Tier::corrected:
      return "corrected";
  }
  return "";
}

report::Table device_table(const Platform& platform, const Estimate& estimate) {
  report::Table table{{{"device", "device"},
                       {"busy_s", "busy", Quantity::seconds},
                       {"communication_s", "communication", Quantity::seconds},
                       {"waiting_s", "waiting", Quantity::seconds},
                       {"nic_out_s", "sending", Quantity::seconds},
                       {"nic_in_s", "receiving", Quantity::seconds},
                       {"memory_bytes", "memory", Quantity::bytes},
                       {"weight_bytes", "weights", Quantity::bytes},
                       {"energy_j", "energy", Quantity::joules}},
                      {}};
  for (const DeviceEstimate& of : estimate.devices) {
    if (!of.used) continue;
    table.rows.push_back({platform.devices[of.device].name, of.busy_s, of.communication_s, of.waiting_s, of.nic_out_s,
                          of.nic_in_s, of.memory_bytes, of.weight_bytes, of.energy_j});
  }
  return table;
}

// The schedule in order of time; steps that take none are left out.
report::Table schedule_table(const Platform& platform, const Plan& plan, const Estimate& estimate) {
  report::Table table{{{"start_s", "start", Quantity::seconds},
                       {"end_s", "end", Quantity::seconds},
                       {"device", "device"},
                       {"step", "step"}},
                      {}};
  std::vector<ScheduledStep> steps = estimate.schedule;
  std::stable_sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.start_s < b.start_s; });
  for (const ScheduledStep& at : steps) {
    if (at.end_s <= at.start_s) continue;
    const program::Step& step = plan.programs.programs[at.device].lanes[at.lane].steps[at.step];
    table.rows.push_back({at.start_s, at.end_s, platform.devices[at.device].name, step.name});
  }
  return table;
}

std::vector<report::Column> summary_columns() {
  return {{"latency_s", "latency", Quantity::seconds},
          {"period_s", "period", Quantity::seconds},
          {"simulated_period_s", "simulated period", Quantity::seconds},
          {"energy_max_j", "energy, highest", Quantity::joules},
          {"energy_sum_j", "energy, all", Quantity::joules},
          {"memory_max_bytes", "memory, highest", Quantity::bytes},
          {"device_count", "devices"},
          {"survivability", "survivability", Quantity::fraction},
          {"bottleneck", "bottleneck"},
          {"tier", "costs from"},
          {"uncertainty", "uncertainty", Quantity::fraction},
          {"energy_assumed", "energy assumed"},
          {"feasible", "feasible"},
          {"reason", "reason"},
          {"strategy", "strategy"}};
}

std::vector<report::Cell> summary_cells(const Estimate& e, double simulated_period, const Mapping& mapping) {
  return {e.latency_s,
          e.period_s,
          simulated_period,
          e.energy_max_j,
          e.energy_sum_j,
          e.memory_max_bytes,
          std::int64_t{e.device_count},
          e.survivability,
          e.bottleneck,
          std::string(tier_name(e.tier)),
          e.uncertainty,
          e.energy_assumed,
          e.feasible,
          e.reason.empty() ? report::Cell{} : report::Cell{e.reason},
          std::string(strategy_name(mapping))};
}

void warn_of_assumptions(const Platform& platform, const Estimate& estimate, const Console& console) {
  warn_of_platform(platform, console);
  if (estimate.energy_assumed)
    console.warn("the energy rests on assumed power figures: compare mappings by it, nothing else");
}

int run_estimate(const Arguments& arguments, Console& console) {
  const Platform platform = read_platform(arguments.text("--platform"));
  const Network network = import_model(arguments, arguments.text("MODEL"), console);
  const Estimator estimator(network, platform);
  const Mapping mapping = chosen_mapping(arguments, estimator, console);
  const Plan plan = lower(network, platform, mapping);
  EstimateOptions options;
  options.schedule = true;
  const Estimate estimate = estimator.estimate(plan, options);
  warn_of_assumptions(platform, estimate, console);
  if (arguments.has("--timeline"))
    write_timeline(arguments, simulated_timeline(platform, plan, estimator.simulated_run(plan, timeline_frames)),
                   console);

  const auto columns = summary_columns();
  const auto cells = summary_cells(estimate, estimator.simulated_period(plan), mapping);
  const report::Table devices = device_table(platform, estimate), schedule = schedule_table(platform, plan, estimate);
  if (console.format == Format::json) {
    nlohmann::ordered_json result = report::to_json(columns, cells);
    result["devices"] = report::to_json(devices);
    result["schedule"] = report::to_json(schedule);
    result["mapping"] = nlohmann::ordered_json::parse(to_json(mapping, network, platform));
    console.out << report::json_text(result);
  } else if (console.format == Format::csv) {
    report::print(console, {columns, {cells}});
  } else {
    report::print_record(console, columns, cells);
    console.out << "\nfor an average frame:\n";
    report::print(console, devices);
    console.out << "\none frame alone:\n";
    report::print(console, schedule);
    if (arguments.has("--strategy")) console.out << "\nthe mapping:\n" << to_yaml(mapping, network, platform);
  }
  return static_cast<int>(estimate.feasible ? ExitCode::done : ExitCode::infeasible);
}

}  // namespace

Command estimate_command() {
  Command command{
      {"estimate"}, "estimate one mapping: objectives, devices, and the schedule of a frame", {}, {}, run_estimate};
  command.positionals = {{"MODEL", "the ONNX file"}};
  command.options = {
      {"--platform", "FILE", "the platform", true, false, "", {}}, timeline_option("simulated"), shape_option()};
  const std::vector<OptionSpec> mapping = mapping_options();
  command.options.insert(command.options.begin() + 1, mapping.begin(), mapping.end());
  return command;
}

}  // namespace dse
