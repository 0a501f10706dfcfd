// What was measured of a candidate, and reading it back.
#include <fmt/format.h>

#include "dse/archive/state.hpp"

namespace dse::archive {
namespace {

std::int64_t insert_validation(SQLite::Database& db, std::int64_t candidate, const Validation& validation) {
  SQLite::Statement insert(
      db,
      "INSERT INTO validations(candidate_id, created, ok, failure, max_relative_output_error, tolerance, frames, "
      "latency_estimated_s, latency_measured_s, period_estimated_s, period_measured_s, memory_estimated_bytes, "
      "memory_measured_bytes, energy_estimated_j, energy_measured_j, oversubscribed, provenance_json) "
      "VALUES (?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, candidate);
  insert.bind(2, validation.ok ? 1 : 0);
  insert.bindNoCopy(3, validation.failure);
  bind_figure(insert, 4, validation.max_relative_output_error);
  bind_figure(insert, 5, validation.tolerance);
  insert.bind(6, validation.frames);
  int index = 7;
  for (const double value :
       {validation.latency_estimated_s, validation.latency_measured_s, validation.period_estimated_s,
        validation.period_measured_s, validation.memory_estimated_bytes, validation.memory_measured_bytes,
        validation.energy_estimated_j})
    bind_figure(insert, index++, value);
  bind_figure(insert, 14, validation.energy_measured_j);
  insert.bind(15, validation.oversubscribed ? 1 : 0);
  insert.bindNoCopy(16, validation.provenance_json);
  insert.exec();
  return db.getLastInsertRowid();
}

void insert_devices(SQLite::Database& db, std::int64_t id, const std::vector<ValidationDevice>& devices) {
  SQLite::Statement insert(db, "INSERT INTO validation_devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const ValidationDevice& device : devices) {
    insert.reset();
    insert.bind(1, id);
    insert.bind(2, position++);
    insert.bindNoCopy(3, device.device);
    int index = 4;
    for (const double value : {device.busy_estimated_s, device.busy_measured_s, device.memory_estimated_bytes,
                               device.memory_measured_bytes, device.energy_estimated_j})
      bind_figure(insert, index++, value);
    bind_figure(insert, 9, device.energy_measured_j);
    insert.exec();
  }
}

void insert_steps(SQLite::Database& db, std::int64_t id, const std::vector<ValidationStep>& steps) {
  SQLite::Statement insert(db, "INSERT INTO validation_steps VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  std::int64_t position = 0;
  for (const ValidationStep& step : steps) {
    insert.reset();
    insert.bind(1, id);
    insert.bind(2, position++);
    insert.bindNoCopy(3, step.device);
    insert.bindNoCopy(4, step.name);
    insert.bindNoCopy(5, step.kind);
    insert.bind(6, step.replica);
    bind_figure(insert, 7, step.estimated_s);
    bind_figure(insert, 8, step.measured_s);
    insert.exec();
  }
}

Validation validation_from(SQLite::Statement& row) {
  Validation validation;
  validation.ok = row.getColumn(1).getInt() != 0;
  validation.failure = row.getColumn(2).getString();
  validation.max_relative_output_error = figure(row.getColumn(3));
  validation.tolerance = figure(row.getColumn(4));
  validation.frames = row.getColumn(5).getInt64();
  int index = 6;
  for (double* value : {&validation.latency_estimated_s, &validation.latency_measured_s, &validation.period_estimated_s,
                        &validation.period_measured_s, &validation.memory_estimated_bytes,
                        &validation.memory_measured_bytes, &validation.energy_estimated_j})
    *value = figure(row.getColumn(index++));
  validation.energy_measured_j = optional_figure(row.getColumn(13));
  validation.oversubscribed = row.getColumn(14).getInt() != 0;
  validation.provenance_json = row.getColumn(15).getString();
  return validation;
}

std::vector<ValidationDevice> read_devices(SQLite::Database& db, std::int64_t id) {
  std::vector<ValidationDevice> devices;
  SQLite::Statement row(db, "SELECT * FROM validation_devices WHERE validation_id = ? ORDER BY position");
  row.bind(1, id);
  while (row.executeStep()) {
    ValidationDevice& device = devices.emplace_back();
    device.device = row.getColumn(2).getString();
    int index = 3;
    for (double* value : {&device.busy_estimated_s, &device.busy_measured_s, &device.memory_estimated_bytes,
                          &device.memory_measured_bytes, &device.energy_estimated_j})
      *value = figure(row.getColumn(index++));
    device.energy_measured_j = optional_figure(row.getColumn(8));
  }
  return devices;
}

std::vector<ValidationStep> read_steps(SQLite::Database& db, std::int64_t id) {
  std::vector<ValidationStep> steps;
  SQLite::Statement row(db, "SELECT * FROM validation_steps WHERE validation_id = ? ORDER BY position");
  row.bind(1, id);
  while (row.executeStep()) {
    ValidationStep& step = steps.emplace_back();
    step.device = row.getColumn(2).getString();
    step.name = row.getColumn(3).getString();
    step.kind = row.getColumn(4).getString();
    step.replica = row.getColumn(5).getInt64();
    step.estimated_s = figure(row.getColumn(6));
    step.measured_s = figure(row.getColumn(7));
  }
  return steps;
}

}  // namespace

std::int64_t Archive::add_validation(std::int64_t candidate, const Validation& validation) {
  return guarded(state_->path, [&] {
    SQLite::Transaction transaction(state_->db, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement known(state_->db, "SELECT 1 FROM candidates WHERE candidate_id = ?");
    known.bind(1, candidate);
    if (!known.executeStep())
      throw Error(ExitCode::internal, "DB-CANDIDATE", fmt::format("the archive holds no candidate {}", candidate));
    const std::int64_t id = insert_validation(state_->db, candidate, validation);
    insert_devices(state_->db, id, validation.devices);
    insert_steps(state_->db, id, validation.steps);
    transaction.commit();
    return id;
  });
}

std::vector<Validation> Archive::validations(std::int64_t candidate) const {
  return guarded(state_->path, [&] {
    std::vector<Validation> all;
    SQLite::Statement row(
        state_->db,
        "SELECT validation_id, ok, failure, max_relative_output_error, tolerance, frames, latency_estimated_s, "
        "latency_measured_s, period_estimated_s, period_measured_s, memory_estimated_bytes, memory_measured_bytes, "
        "energy_estimated_j, energy_measured_j, oversubscribed, provenance_json "
        "FROM validations WHERE candidate_id = ? ORDER BY validation_id");
    row.bind(1, candidate);
    while (row.executeStep()) {
      const std::int64_t id = row.getColumn(0).getInt64();
      Validation& validation = all.emplace_back(validation_from(row));
      validation.devices = read_devices(state_->db, id);
      validation.steps = read_steps(state_->db, id);
    }
    return all;
  });
}

}  // namespace dse::archive
