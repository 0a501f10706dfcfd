#include "dse/archive/schema.hpp"

namespace dse::archive {
namespace {

// Units are in the names: _s seconds, _j joules, _bytes bytes. Candidate ids are unique in the whole file, so that a
// person can name one without its run. A figure that could not be computed is NULL, which only an infeasible candidate
// may have. The mapping's text is long: it is found by mapping_key, the first eight bytes of its SHA-256, and then
// compared.
constexpr std::string_view version_1 = R"sql(
CREATE TABLE runs(
  run_id INTEGER PRIMARY KEY AUTOINCREMENT,
  status TEXT NOT NULL CHECK(status IN ('running', 'done', 'interrupted')),
  started TEXT NOT NULL,
  finished TEXT,
  model_path TEXT NOT NULL,
  model_name TEXT NOT NULL,
  model_sha256 TEXT NOT NULL,
  platform_path TEXT NOT NULL,
  platform_text TEXT NOT NULL,
  platform_sha256 TEXT NOT NULL,
  options_json TEXT NOT NULL,
  argv TEXT NOT NULL,
  seed INTEGER NOT NULL,
  versions_json TEXT NOT NULL,
  host_json TEXT NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  evaluations INTEGER NOT NULL DEFAULT 0,
  seconds REAL NOT NULL DEFAULT 0,
  summary_json TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE run_devices(
  run_id INTEGER NOT NULL REFERENCES runs,
  device INTEGER NOT NULL CHECK(device >= 0),
  name TEXT NOT NULL,
  PRIMARY KEY(run_id, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints(
  run_id INTEGER PRIMARY KEY REFERENCES runs,
  state BLOB NOT NULL
) STRICT;

CREATE TABLE candidates(
  candidate_id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id INTEGER NOT NULL REFERENCES runs,
  mapping_key INTEGER NOT NULL,
  mapping_json TEXT NOT NULL,
  strategy TEXT NOT NULL,
  generation INTEGER NOT NULL,
  on_front INTEGER NOT NULL CHECK(on_front IN (0, 1)),
  feasible INTEGER NOT NULL CHECK(feasible IN (0, 1)),
  reason TEXT NOT NULL,
  violation REAL,
  latency_s REAL,
  period_s REAL,
  energy_max_j REAL,
  energy_sum_j REAL,
  memory_max_bytes REAL,
  device_count INTEGER NOT NULL,
  survivability REAL,
  bottleneck TEXT NOT NULL,
  tier TEXT NOT NULL CHECK(tier IN ('table', 'analytical', 'corrected')),
  uncertainty REAL,
  energy_assumed INTEGER NOT NULL CHECK(energy_assumed IN (0, 1)),
  CHECK(feasible = 0 OR (latency_s IS NOT NULL AND period_s IS NOT NULL AND energy_max_j IS NOT NULL AND energy_sum_j IS NOT NULL
                         AND memory_max_bytes IS NOT NULL))
) STRICT;
CREATE INDEX candidates_by_mapping ON candidates(run_id, mapping_key);
CREATE INDEX candidates_on_front ON candidates(run_id) WHERE on_front = 1;

CREATE TABLE candidate_devices(
  candidate_id INTEGER NOT NULL REFERENCES candidates,
  device INTEGER NOT NULL CHECK(device >= 0),
  used INTEGER NOT NULL CHECK(used IN (0, 1)),
  busy_s REAL,
  communication_s REAL,
  waiting_s REAL,
  nic_out_s REAL,
  nic_in_s REAL,
  memory_bytes REAL,
  memory_load_bytes REAL,
  memory_run_bytes REAL,
  energy_j REAL,
  weight_bytes REAL,
  PRIMARY KEY(candidate_id, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE validations(
  validation_id INTEGER PRIMARY KEY AUTOINCREMENT,
  candidate_id INTEGER NOT NULL REFERENCES candidates,
  created TEXT NOT NULL,
  ok INTEGER NOT NULL CHECK(ok IN (0, 1)),
  failure TEXT NOT NULL,
  max_relative_output_error REAL,
  tolerance REAL,
  frames INTEGER NOT NULL,
  latency_estimated_s REAL,
  latency_measured_s REAL,
  period_estimated_s REAL,
  period_measured_s REAL,
  memory_estimated_bytes REAL,
  memory_measured_bytes REAL,
  energy_estimated_j REAL,
  energy_measured_j REAL,
  oversubscribed INTEGER NOT NULL CHECK(oversubscribed IN (0, 1)),
  provenance_json TEXT NOT NULL
) STRICT;
CREATE INDEX validations_by_candidate ON validations(candidate_id);

CREATE TABLE validation_devices(
  validation_id INTEGER NOT NULL REFERENCES validations,
  position INTEGER NOT NULL CHECK(position >= 0),
  device TEXT NOT NULL,
  busy_estimated_s REAL,
  busy_measured_s REAL,
  memory_estimated_bytes REAL,
  memory_measured_bytes REAL,
  energy_estimated_j REAL,
  energy_measured_j REAL,
  PRIMARY KEY(validation_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE validation_steps(
  validation_id INTEGER NOT NULL REFERENCES validations,
  position INTEGER NOT NULL CHECK(position >= 0),
  device TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  replica INTEGER NOT NULL,
  estimated_s REAL,
  measured_s REAL,
  PRIMARY KEY(validation_id, position)
) STRICT, WITHOUT ROWID;

CREATE VIEW front AS
SELECT run_id, candidate_id, latency_s, period_s, energy_max_j, energy_sum_j,
       CAST(round(memory_max_bytes) AS INTEGER) AS memory_max_bytes, device_count, feasible, strategy
FROM candidates WHERE on_front = 1;

CREATE VIEW candidate_summary AS
SELECT run_id, candidate_id, latency_s, period_s, energy_max_j, energy_sum_j,
       CAST(round(memory_max_bytes) AS INTEGER) AS memory_max_bytes, device_count, feasible, strategy, reason, generation,
       EXISTS(SELECT 1 FROM validations v WHERE v.candidate_id = c.candidate_id AND v.ok = 1) AS validated
FROM candidates c;

CREATE VIEW device_summary AS
SELECT c.run_id, d.candidate_id, coalesce(n.name, 'device ' || d.device) AS device, d.used, d.busy_s, d.communication_s, d.waiting_s,
       d.nic_out_s, d.nic_in_s, CAST(round(d.memory_bytes) AS INTEGER) AS memory_bytes,
       CAST(round(d.weight_bytes) AS INTEGER) AS weight_bytes, d.energy_j, c.energy_assumed
FROM candidate_devices d JOIN candidates c ON c.candidate_id = d.candidate_id
LEFT JOIN run_devices n ON n.run_id = c.run_id AND n.device = d.device;

CREATE VIEW estimate_vs_measured AS
WITH pairs(validation_id, candidate_id, device, quantity, estimated, measured) AS (
  SELECT validation_id, candidate_id, NULL, 'latency_s', latency_estimated_s, latency_measured_s FROM validations WHERE failure = ''
  UNION ALL
  SELECT validation_id, candidate_id, NULL, 'period_s', period_estimated_s, period_measured_s FROM validations WHERE failure = ''
  UNION ALL
  SELECT validation_id, candidate_id, NULL, 'memory_max_bytes', memory_estimated_bytes, memory_measured_bytes FROM validations
  WHERE failure = ''
  UNION ALL
  SELECT validation_id, candidate_id, NULL, 'energy_max_j', energy_estimated_j, energy_measured_j FROM validations WHERE failure = ''
  UNION ALL
  SELECT d.validation_id, v.candidate_id, d.device, 'busy_s', d.busy_estimated_s, d.busy_measured_s
  FROM validation_devices d JOIN validations v ON v.validation_id = d.validation_id WHERE v.failure = ''
  UNION ALL
  SELECT d.validation_id, v.candidate_id, d.device, 'memory_bytes', d.memory_estimated_bytes, d.memory_measured_bytes
  FROM validation_devices d JOIN validations v ON v.validation_id = d.validation_id WHERE v.failure = ''
  UNION ALL
  SELECT d.validation_id, v.candidate_id, d.device, 'energy_j', d.energy_estimated_j, d.energy_measured_j
  FROM validation_devices d JOIN validations v ON v.validation_id = d.validation_id WHERE v.failure = ''
)
SELECT c.run_id, p.candidate_id, p.validation_id, p.device, p.quantity, p.estimated, p.measured,
       p.estimated / nullif(p.measured, 0.0) - 1.0 AS relative_error
FROM pairs p JOIN candidates c ON c.candidate_id = p.candidate_id;

CREATE VIEW run_summary AS
SELECT r.run_id, r.status, r.started, r.finished, r.model_name, r.model_sha256, r.platform_path, r.platform_sha256, r.seed, r.generation,
       r.evaluations, r.seconds, r.evaluations / nullif(r.seconds, 0.0) AS evaluations_per_second,
       count(c.candidate_id) AS candidates, coalesce(sum(c.on_front), 0) AS front_size,
       min(c.latency_s) FILTER (WHERE c.on_front = 1) AS best_latency_s, min(c.period_s) FILTER (WHERE c.on_front = 1) AS best_period_s,
       min(c.energy_max_j) FILTER (WHERE c.on_front = 1) AS best_energy_max_j,
       CAST(round(min(c.memory_max_bytes) FILTER (WHERE c.on_front = 1)) AS INTEGER) AS best_memory_max_bytes,
       coalesce(max(c.energy_assumed), 0) AS energy_assumed,
       (SELECT count(*) FROM validations v JOIN candidates w ON w.candidate_id = v.candidate_id WHERE w.run_id = r.run_id) AS validations
FROM runs r LEFT JOIN candidates c ON c.run_id = r.run_id GROUP BY r.run_id;
)sql";

}  // namespace

const std::vector<Migration>& migrations() {
  static const std::vector<Migration> steps = {{version_1}};
  return steps;
}

}  // namespace dse::archive
