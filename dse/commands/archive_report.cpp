#include "dse/commands/archive_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace dse {
namespace {

using nlohmann::ordered_json;
using report::Cell;
using report::Quantity;

// Bytes are whole wherever they are shown; the estimate has fractions.
Cell whole_bytes(double bytes) {
  if (!std::isfinite(bytes) || std::abs(bytes) > 9e18) return {};
  return static_cast<std::int64_t>(std::llround(bytes));
}

std::string tier_text(Tier tier) {
  return tier == Tier::table ? "table" : tier == Tier::analytical ? "analytical" : "corrected";
}

std::vector<Cell> candidate_row(const archive::Candidate& candidate, bool is_knee) {
  const Estimate& e = candidate.estimate;
  std::string marks = is_knee ? "knee" : "";
  if (candidate.validated) marks += marks.empty() ? "validated" : ", validated";
  if (!e.feasible) marks += marks.empty() ? "infeasible" : ", infeasible";
  return {candidate.run,
          candidate.id,
          e.latency_s,
          e.period_s,
          e.energy_max_j,
          e.energy_sum_j,
          whole_bytes(e.memory_max_bytes),
          e.device_count,
          e.feasible,
          candidate.strategy,
          e.reason,
          candidate.generation,
          candidate.validated,
          candidate.on_front,
          is_knee,
          e.survivability,
          e.bottleneck,
          tier_text(e.tier),
          e.uncertainty,
          e.energy_assumed,
          marks};
}

std::vector<report::Column> candidate_columns(bool energy_assumed) {
  const std::string label = energy_assumed ? " (assumed)" : "";
  return {{"run_id", ""},
          {"candidate_id", "candidate"},
          {"latency_s", "latency", Quantity::seconds},
          {"period_s", "period", Quantity::seconds},
          {"energy_max_j", "energy-max" + label, Quantity::joules},
          {"energy_sum_j", "energy-sum" + label, Quantity::joules},
          {"memory_max_bytes", "memory-max", Quantity::bytes},
          {"device_count", "devices"},
          {"feasible", ""},
          {"strategy", "strategy"},
          {"reason", ""},
          {"generation", ""},
          {"validated", ""},
          {"on_front", ""},
          {"knee", ""},
          {"survivability", ""},
          {"bottleneck", ""},
          {"tier", ""},
          {"uncertainty", "±", Quantity::fraction},
          {"energy_assumed", ""},
          {"marks", "marks", Quantity::plain, false}};
}

const std::vector<report::Column>& device_columns() {
  static const std::vector<report::Column> columns = {{"device", "device"},
                                                      {"busy_s", "busy", Quantity::seconds},
                                                      {"communication_s", "communicating", Quantity::seconds},
                                                      {"waiting_s", "waiting", Quantity::seconds},
                                                      {"nic_out_s", "sending", Quantity::seconds},
                                                      {"nic_in_s", "receiving", Quantity::seconds},
                                                      {"memory_bytes", "memory", Quantity::bytes},
                                                      {"weight_bytes", "weights", Quantity::bytes},
                                                      {"energy_j", "energy", Quantity::joules}};
  return columns;
}

[[noreturn]] void no_mapping(const std::string& why) {
  throw Error(ExitCode::database, "DB-DAMAGED", "a stored mapping is damaged: " + why);
}

const ordered_json& member(const ordered_json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) no_mapping(fmt::format("'{}' is missing", key));
  return object[key];
}

std::vector<std::string> words_of(const ordered_json& list) {
  if (!list.is_array()) no_mapping("a list is expected");
  std::vector<std::string> words;
  for (const ordered_json& item : list) words.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  return words;
}

std::string layers_text(const ordered_json& stage) {
  if (stage.is_object() && stage.contains("only")) {
    const std::vector<std::string> names = words_of(stage["only"]);
    if (names.size() <= 4) return fmt::format("{}", fmt::join(names, ", "));
    return fmt::format("{}, {}, ... {} ({} layers)", names[0], names[1], names.back(), names.size());
  }
  const std::vector<std::string> range = words_of(member(stage, "layers"));
  if (range.size() == 2 && range[0] == range[1]) return range[0];
  return fmt::format("{}", fmt::join(range, " .. "));
}

std::string optional_text(const ordered_json& stage, const char* key) {
  if (!stage.contains(key)) return "";
  const ordered_json& value = stage[key];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) return fmt::format("{}", fmt::join(words_of(value), ":"));
  return value.dump();
}

// The four quantities of the whole and three of each device, in the order of the view estimate_vs_measured.
struct Pair {
  std::string device, quantity;
  Quantity kind;
  double estimated;
  std::optional<double> measured;
};

std::vector<Pair> pairs_of(const archive::Validation& v) {
  std::vector<Pair> pairs = {
      {"", "latency_s", Quantity::seconds, v.latency_estimated_s, v.latency_measured_s},
      {"", "period_s", Quantity::seconds, v.period_estimated_s, v.period_measured_s},
      {"", "memory_max_bytes", Quantity::bytes, v.memory_estimated_bytes, v.memory_measured_bytes},
      {"", "energy_max_j", Quantity::joules, v.energy_estimated_j, v.energy_measured_j}};
  for (const archive::ValidationDevice& d : v.devices) {
    pairs.push_back({d.device, "busy_s", Quantity::seconds, d.busy_estimated_s, d.busy_measured_s});
    pairs.push_back({d.device, "memory_bytes", Quantity::bytes, d.memory_estimated_bytes, d.memory_measured_bytes});
    pairs.push_back({d.device, "energy_j", Quantity::joules, d.energy_estimated_j, d.energy_measured_j});
  }
  return pairs;
}

Cell error_of(const Pair& pair) {
  if (!pair.measured || *pair.measured == 0) return {};
  return pair.estimated / *pair.measured - 1;
}

ordered_json number(double value) { return report::to_json(Cell(value)); }

ordered_json validation_json(const archive::Validation& v) {
  ordered_json steps = ordered_json::array();
  for (const archive::ValidationStep& step : v.steps)
    steps.push_back({{"device", step.device},
                     {"name", step.name},
                     {"kind", step.kind},
                     {"replica", step.replica},
                     {"estimated_s", number(step.estimated_s)},
                     {"measured_s", number(step.measured_s)}});
  return {{"ok", v.ok},
          {"failure", v.failure},
          {"max_relative_output_error", number(v.max_relative_output_error)},
          {"tolerance", number(v.tolerance)},
          {"frames", v.frames},
          {"oversubscribed", v.oversubscribed},
          {"estimate_vs_measured", report::to_json(validation_table({v}))},
          {"steps", std::move(steps)},
          {"provenance", stored_json(v.provenance_json)}};
}

}  // namespace

std::string device_label(const std::vector<std::string>& names, std::size_t device) {
  return device < names.size() ? names[device] : fmt::format("device {}", device);
}

report::Table candidate_table(const std::vector<archive::Candidate>& candidates, std::optional<std::int64_t> knee) {
  const bool assumed =
      std::any_of(candidates.begin(), candidates.end(), [](const auto& c) { return c.estimate.energy_assumed; });
  report::Table table{candidate_columns(assumed), {}};
  for (const archive::Candidate& candidate : candidates)
    table.rows.push_back(candidate_row(candidate, candidate.id == knee));
  return table;
}

report::Table device_table(const archive::Candidate& candidate, const std::vector<std::string>& names) {
  report::Table table{device_columns(), {}};
  if (candidate.estimate.energy_assumed) table.columns.back().title += " (assumed)";
  for (const DeviceEstimate& d : candidate.estimate.devices) {
    if (!d.used) continue;
    table.rows.push_back({device_label(names, d.device), d.busy_s, d.communication_s, d.waiting_s, d.nic_out_s,
                          d.nic_in_s, whole_bytes(d.memory_bytes), whole_bytes(d.weight_bytes), d.energy_j});
  }
  return table;
}

report::Table stage_table(const std::string& mapping_json) {
  report::Table table{{{"replica", "replica"},
                       {"share", "share"},
                       {"stage", "stage"},
                       {"layers", "layers"},
                       {"devices", "devices"},
                       {"split", "split"},
                       {"shares", "shares"},
                       {"threads", "threads"}},
                      {}};
  const ordered_json mapping = stored_json(mapping_json);
  const ordered_json& replicas = member(mapping, "replicas");
  if (!replicas.is_array()) no_mapping("'replicas' is no list");
  std::int64_t replica_number = 0;
  for (const ordered_json& replica : replicas) {
    ++replica_number;
    const ordered_json& stages = member(replica, "stages");
    if (!stages.is_array()) no_mapping("'stages' is no list");
    std::int64_t stage_number = 0;
    for (const ordered_json& stage : stages) {
      const std::string devices = fmt::format("{}", fmt::join(words_of(member(stage, "devices")), ", "));
      table.rows.push_back({replica_number, optional_text(replica, "share"), ++stage_number, layers_text(stage),
                            devices, optional_text(stage, "split"), optional_text(stage, "shares"),
                            optional_text(stage, "threads")});
    }
  }
  // A column that says nothing is not shown.
  for (const std::size_t column : {std::size_t{5}, std::size_t{6}, std::size_t{7}}) {
    const bool blank =
        std::all_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row[column].text().empty(); });
    if (blank) table.columns[column].title.clear();
  }
  return table;
}

report::Table validation_table(const std::vector<archive::Validation>& validations) {
  report::Table table{{{"validation", "validation"},
                       {"device", "device"},
                       {"quantity", "quantity"},
                       {"", "estimated", Quantity::plain, false},
                       {"", "measured", Quantity::plain, false},
                       {"estimated", ""},
                       {"measured", ""},
                       {"relative_error", "error", Quantity::fraction}},
                      {}};
  std::int64_t position = 0;
  for (const archive::Validation& validation : validations) {
    ++position;
    if (!validation.failure.empty()) continue;
    for (const Pair& pair : pairs_of(validation)) {
      const Cell device = pair.device.empty() ? Cell() : Cell(pair.device);
      const Cell shown = pair.measured ? Cell(report::human(*pair.measured, pair.kind)) : Cell();
      table.rows.push_back({position, device, pair.quantity, report::human(pair.estimated, pair.kind), shown,
                            pair.estimated, pair.measured, error_of(pair)});
    }
  }
  return table;
}

ordered_json candidate_json(const archive::Candidate& candidate, const std::vector<std::string>& names,
                            const std::vector<archive::Validation>& validations) {
  ordered_json object = report::to_json(candidate_table({candidate}, std::nullopt)).front();
  object.erase("knee");
  object["mapping"] = stored_json(candidate.mapping_json);
  object["devices"] = report::to_json(device_table(candidate, names));
  object["validations"] = ordered_json::array();
  for (const archive::Validation& validation : validations)
    object["validations"].push_back(validation_json(validation));
  return object;
}

ordered_json stored_json(const std::string& text) {
  const auto shallow = [](int depth, ordered_json::parse_event_t, ordered_json&) {
    if (depth > 64) throw Error(ExitCode::database, "DB-DAMAGED", "a stored JSON text nests deeper than 64 levels");
    return true;
  };
  if (text.empty()) return nullptr;
  ordered_json value = ordered_json::parse(text, shallow, false);
  if (value.is_discarded()) return text;
  return value;
}

}  // namespace dse
