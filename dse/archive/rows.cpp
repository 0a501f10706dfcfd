// Reading runs and candidates. Types and ranges are checked here once more: the file may come from anyone.
#include <fmt/format.h>

#include <algorithm>

#include "dse/archive/knee.hpp"
#include "dse/archive/state.hpp"

namespace dse::archive {
namespace {

[[noreturn]] void damaged(const fs::path& path, const std::string& what) {
  throw Error(ExitCode::database, "DB-DAMAGED", {path.string()}, "is damaged: " + what);
}

constexpr std::int64_t most_devices = 1 << 20;

Tier tier_from(const std::string& text) {
  return text == "table" ? Tier::table : text == "analytical" ? Tier::analytical : Tier::corrected;
}

constexpr std::string_view run_columns =
    "run_id, status, started, model_path, model_name, model_sha256, platform_path, platform_text, platform_sha256, "
    "options_json, argv, seed, "
    "versions_json, host_json, generation, evaluations, seconds, summary_json, "
    "(SELECT state FROM checkpoints c WHERE c.run_id = r.run_id)";

Run run_from(SQLite::Statement& row) {
  Run run;
  run.id = row.getColumn(0).getInt64();
  int index = 1;
  for (std::string* text : {&run.status, &run.started, &run.info.model_path, &run.info.model_name,
                            &run.info.model_sha256, &run.info.platform_path, &run.info.platform_text,
                            &run.info.platform_sha256, &run.info.options_json, &run.info.argv})
    *text = row.getColumn(index++).getString();
  run.info.seed = static_cast<std::uint64_t>(row.getColumn(index++).getInt64());
  run.info.versions_json = row.getColumn(index++).getString();
  run.info.host_json = row.getColumn(index++).getString();
  run.generation = row.getColumn(index++).getInt64();
  run.evaluations = row.getColumn(index++).getInt64();
  run.seconds = row.getColumn(index++).getDouble();
  run.summary_json = row.getColumn(index++).getString();
  run.state = row.getColumn(index).getString();
  return run;
}

constexpr std::string_view candidate_columns =
    "candidate_id, run_id, mapping_json, strategy, generation, on_front, feasible, reason, violation, latency_s, "
    "period_s, energy_max_j, "
    "energy_sum_j, memory_max_bytes, device_count, survivability, bottleneck, tier, uncertainty, energy_assumed, "
    "EXISTS(SELECT 1 FROM validations v WHERE v.candidate_id = c.candidate_id AND v.ok = 1)";

Candidate candidate_from(SQLite::Statement& row) {
  Candidate candidate;
  Estimate& estimate = candidate.estimate;
  candidate.id = row.getColumn(0).getInt64();
  candidate.run = row.getColumn(1).getInt64();
  candidate.mapping_json = row.getColumn(2).getString();
  candidate.strategy = row.getColumn(3).getString();
  candidate.generation = row.getColumn(4).getInt64();
  candidate.on_front = row.getColumn(5).getInt() != 0;
  estimate.feasible = row.getColumn(6).getInt() != 0;
  estimate.reason = row.getColumn(7).getString();
  int index = 8;
  for (double* value : {&estimate.violation, &estimate.latency_s, &estimate.period_s, &estimate.energy_max_j,
                        &estimate.energy_sum_j, &estimate.memory_max_bytes})
    *value = figure(row.getColumn(index++));
  estimate.device_count = row.getColumn(14).getInt();
  estimate.survivability = figure(row.getColumn(15));
  estimate.bottleneck = row.getColumn(16).getString();
  estimate.tier = tier_from(row.getColumn(17).getString());
  estimate.uncertainty = figure(row.getColumn(18));
  estimate.energy_assumed = row.getColumn(19).getInt() != 0;
  candidate.validated = row.getColumn(20).getInt() != 0;
  return candidate;
}

DeviceEstimate device_from(SQLite::Statement& row, const fs::path& path) {
  DeviceEstimate device;
  const std::int64_t number = row.getColumn(1).getInt64();
  if (number < 0 || number >= most_devices) damaged(path, fmt::format("a candidate has figures for device {}", number));
  device.device = static_cast<std::size_t>(number);
  device.used = row.getColumn(2).getInt() != 0;
  int index = 3;
  for (double* value : {&device.busy_s, &device.communication_s, &device.waiting_s, &device.nic_out_s, &device.nic_in_s,
                        &device.memory_bytes, &device.memory_load_bytes, &device.memory_run_bytes, &device.energy_j,
                        &device.weight_bytes})
    *value = figure(row.getColumn(index++));
  return device;
}

// Candidates that `condition` (with one parameter) selects, by id, with their devices: two queries, merged.
std::vector<Candidate> read_candidates(SQLite::Database& db, const fs::path& path, std::string_view condition,
                                       std::int64_t parameter) {
  std::vector<Candidate> candidates;
  SQLite::Statement rows(
      db, fmt::format("SELECT {} FROM candidates c WHERE {} ORDER BY candidate_id", candidate_columns, condition));
  rows.bind(1, parameter);
  while (rows.executeStep()) candidates.push_back(candidate_from(rows));
  SQLite::Statement devices(
      db,
      fmt::format("SELECT d.* FROM candidate_devices d JOIN candidates c ON c.candidate_id = d.candidate_id WHERE {} "
                  "ORDER BY d.candidate_id, d.device",
                  condition));
  devices.bind(1, parameter);
  std::size_t at = 0;
  while (devices.executeStep()) {
    const std::int64_t owner = devices.getColumn(0).getInt64();
    while (at < candidates.size() && candidates[at].id < owner) ++at;
    if (at < candidates.size() && candidates[at].id == owner)
      candidates[at].estimate.devices.push_back(device_from(devices, path));
  }
  return candidates;
}

}  // namespace

std::vector<Run> Archive::runs() const {
  return guarded(state_->path, [&] {
    std::vector<Run> all;
    SQLite::Statement rows(state_->db, fmt::format("SELECT {} FROM runs r ORDER BY run_id", run_columns));
    while (rows.executeStep()) all.push_back(run_from(rows));
    return all;
  });
}

std::optional<Run> Archive::run(std::int64_t id) const {
  return guarded(state_->path, [&]() -> std::optional<Run> {
    SQLite::Statement row(state_->db, fmt::format("SELECT {} FROM runs r WHERE run_id = ?", run_columns));
    row.bind(1, id);
    if (!row.executeStep()) return std::nullopt;
    return run_from(row);
  });
}

std::optional<std::int64_t> Archive::newest_run() const {
  return guarded(state_->path, [&]() -> std::optional<std::int64_t> {
    SQLite::Statement row(state_->db, "SELECT max(run_id) FROM runs");
    if (!row.executeStep() || row.getColumn(0).isNull()) return std::nullopt;
    return row.getColumn(0).getInt64();
  });
}

std::vector<std::string> Archive::device_names(std::int64_t run) const {
  return guarded(state_->path, [&] {
    std::vector<std::string> names;
    SQLite::Statement rows(state_->db, "SELECT device, name FROM run_devices WHERE run_id = ? ORDER BY device");
    rows.bind(1, run);
    while (rows.executeStep()) {
      if (rows.getColumn(0).getInt64() != static_cast<std::int64_t>(names.size()))
        damaged(state_->path, "the devices of a run are not numbered from 0");
      names.push_back(rows.getColumn(1).getString());
    }
    return names;
  });
}

std::vector<Candidate> Archive::front(std::int64_t run) const {
  return guarded(state_->path,
                 [&] { return read_candidates(state_->db, state_->path, "c.run_id = ? AND c.on_front = 1", run); });
}

std::vector<Candidate> Archive::candidates(std::int64_t run) const {
  return guarded(state_->path, [&] { return read_candidates(state_->db, state_->path, "c.run_id = ?", run); });
}

std::optional<Candidate> Archive::candidate(std::int64_t id) const {
  return guarded(state_->path, [&]() -> std::optional<Candidate> {
    std::vector<Candidate> found = read_candidates(state_->db, state_->path, "c.candidate_id = ?", id);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
  });
}

std::optional<std::int64_t> Archive::knee(std::int64_t run, const std::vector<Objective>& objectives) const {
  std::vector<std::int64_t> ids;
  std::vector<std::vector<double>> points;
  for (const Candidate& candidate : front(run)) {
    std::vector<double> point;
    for (const Objective objective : objectives) point.push_back(objective_value(candidate.estimate, objective));
    const bool finite = std::all_of(point.begin(), point.end(), [](double value) { return std::isfinite(value); });
    if (!candidate.estimate.feasible || !finite) continue;
    ids.push_back(candidate.id);
    points.push_back(std::move(point));
  }
  const std::optional<std::size_t> index = knee_index(points);
  if (!index) return std::nullopt;
  return ids[*index];
}

}  // namespace dse::archive
