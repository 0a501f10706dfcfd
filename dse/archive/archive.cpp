// Writing runs and candidates.
#include "dse/archive/archive.hpp"

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "dse/archive/state.hpp"
#include "platform/yaml_door.hpp"

namespace dse::archive {
namespace {

constexpr const char* now = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')";

// The devices' names, in the order of the platform file. They only label what is shown: a text that cannot be read has
// none.
std::vector<std::string> names_in(const std::string& platform_text) {
  std::vector<std::string> names;
  try {
    for (const yaml::Value& device : yaml::parse(platform_text, "platform").at("devices").items())
      names.push_back(device.at("name").text());
  } catch (const Error&) {
    return {};
  }
  return names;
}

std::int64_t mapping_key(const std::string& mapping_json) {
  return static_cast<std::int64_t>(std::stoull(sha256_hex(mapping_json).substr(0, 16), nullptr, 16));
}

std::string_view tier_name(Tier tier) {
  return tier == Tier::table ? "table" : tier == Tier::analytical ? "analytical" : "corrected";
}

// The statements of one checkpoint, prepared once and used for every candidate in it.
class Writer {
 public:
  Writer(SQLite::Database& db, std::int64_t run)
      : db_(db),
        run_(run),
        find_(db, "SELECT candidate_id FROM candidates WHERE run_id = ? AND mapping_key = ? AND mapping_json = ?"),
        front_(db, "UPDATE candidates SET on_front = ? WHERE candidate_id = ?"),
        candidate_(db,
                   "INSERT INTO candidates(run_id, mapping_key, mapping_json, strategy, generation, on_front, "
                   "feasible, reason, violation, "
                   "latency_s, period_s, energy_max_j, energy_sum_j, memory_max_bytes, device_count, survivability, "
                   "bottleneck, tier, "
                   "uncertainty, energy_assumed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        device_(db, "INSERT INTO candidate_devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") {}

  void add(const NewCandidate& candidate) {
    const std::optional<std::int64_t> stored = find(candidate.mapping_json);
    if (stored) return set_front(*stored, candidate.on_front);
    insert(candidate);
    const std::int64_t id = db_.getLastInsertRowid();
    for (const DeviceEstimate& device : candidate.estimate.devices) insert(id, device);
  }

  void leave_front(const std::string& mapping_json) {
    if (const std::optional<std::int64_t> stored = find(mapping_json)) set_front(*stored, false);
  }

 private:
  std::optional<std::int64_t> find(const std::string& mapping_json) {
    find_.reset();
    find_.bind(1, run_);
    find_.bind(2, mapping_key(mapping_json));
    find_.bindNoCopy(3, mapping_json);
    std::optional<std::int64_t> id;
    if (find_.executeStep()) id = find_.getColumn(0).getInt64();
    find_.reset();
    return id;
  }

  void set_front(std::int64_t candidate, bool on_front) {
    front_.reset();
    front_.bind(1, on_front ? 1 : 0);
    front_.bind(2, candidate);
    front_.exec();
  }

  void insert(const NewCandidate& candidate) {
    const Estimate& estimate = candidate.estimate;
    SQLite::Statement& to = candidate_;
    to.reset();
    to.bind(1, run_);
    to.bind(2, mapping_key(candidate.mapping_json));
    to.bindNoCopy(3, candidate.mapping_json);
    to.bindNoCopy(4, candidate.strategy);
    to.bind(5, candidate.generation);
    to.bind(6, candidate.on_front ? 1 : 0);
    to.bind(7, estimate.feasible ? 1 : 0);
    to.bindNoCopy(8, estimate.reason);
    int index = 9;
    for (const double value : {estimate.violation, estimate.latency_s, estimate.period_s, estimate.energy_max_j,
                               estimate.energy_sum_j, estimate.memory_max_bytes})
      bind_figure(to, index++, value);
    to.bind(15, estimate.device_count);
    bind_figure(to, 16, estimate.survivability);
    to.bindNoCopy(17, estimate.bottleneck);
    to.bind(18, std::string(tier_name(estimate.tier)));
    bind_figure(to, 19, estimate.uncertainty);
    to.bind(20, estimate.energy_assumed ? 1 : 0);
    to.exec();
  }

  void insert(std::int64_t candidate, const DeviceEstimate& device) {
    device_.reset();
    device_.bind(1, candidate);
    device_.bind(2, static_cast<std::int64_t>(device.device));
    device_.bind(3, device.used ? 1 : 0);
    int index = 4;
    for (const double value :
         {device.busy_s, device.communication_s, device.waiting_s, device.nic_out_s, device.nic_in_s,
          device.memory_bytes, device.memory_load_bytes, device.memory_run_bytes, device.energy_j, device.weight_bytes})
      bind_figure(device_, index++, value);
    device_.exec();
  }

  SQLite::Database& db_;
  std::int64_t run_;
  SQLite::Statement find_, front_, candidate_, device_;
};

void update_counters(SQLite::Database& db, std::int64_t run, const Checkpoint& checkpoint) {
  SQLite::Statement update(
      db, "UPDATE runs SET generation = ?, evaluations = ?, seconds = ?, status = 'running' WHERE run_id = ?");
  update.bind(1, checkpoint.generation);
  update.bind(2, checkpoint.evaluations);
  bind_figure(update, 3, checkpoint.seconds);
  update.bind(4, run);
  if (update.exec() != 1) throw Error(ExitCode::internal, "DB-RUN", fmt::format("the archive holds no run {}", run));
  SQLite::Statement state(db, "INSERT INTO checkpoints VALUES (?, ?) ON CONFLICT DO UPDATE SET state = excluded.state");
  state.bind(1, run);
  state.bindNoCopy(2, checkpoint.state.data(), static_cast<int>(checkpoint.state.size()));
  state.exec();
}

}  // namespace

Archive::Archive(std::unique_ptr<State> state) : state_(std::move(state)) {}
Archive::~Archive() = default;
Archive::Archive(Archive&&) noexcept = default;
Archive& Archive::operator=(Archive&&) noexcept = default;

Archive Archive::open(const fs::path& path, Mode mode) {
  OpenOptions options;
  options.mode = mode;
  return Archive(std::make_unique<State>(path, open_database(path, options)));
}

std::int64_t Archive::begin_run(const RunInfo& info) {
  return guarded(state_->path, [&] {
    SQLite::Database& db = state_->db;
    SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement insert(
        db, fmt::format(
                "INSERT INTO runs(status, started, model_path, model_name, model_sha256, platform_path, platform_text, "
                "platform_sha256, options_json, argv, versions_json, host_json, seed) "
                "VALUES ('running', {}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                now));
    int index = 1;
    for (const std::string* text :
         {&info.model_path, &info.model_name, &info.model_sha256, &info.platform_path, &info.platform_text,
          &info.platform_sha256, &info.options_json, &info.argv, &info.versions_json, &info.host_json})
      insert.bindNoCopy(index++, *text);
    insert.bind(index, static_cast<std::int64_t>(info.seed));
    insert.exec();
    const std::int64_t run = db.getLastInsertRowid();
    SQLite::Statement device(db, "INSERT INTO run_devices VALUES (?, ?, ?)");
    std::int64_t position = 0;
    for (const std::string& name : names_in(info.platform_text)) {
      device.reset();
      device.bind(1, run);
      device.bind(2, position++);
      device.bind(3, name);
      device.exec();
    }
    transaction.commit();
    return run;
  });
}

void Archive::commit(std::int64_t run, const Checkpoint& checkpoint) {
  guarded(state_->path, [&] {
    SQLite::Transaction transaction(state_->db, SQLite::TransactionBehavior::IMMEDIATE);
    update_counters(state_->db, run, checkpoint);
    Writer writer(state_->db, run);
    for (const NewCandidate& candidate : checkpoint.added) writer.add(candidate);
    for (const std::string& mapping : checkpoint.left_front) writer.leave_front(mapping);
    transaction.commit();
  });
}

void Archive::finish_run(std::int64_t run, const std::string& status, const std::string& summary_json) {
  guarded(state_->path, [&] {
    SQLite::Statement update(
        state_->db, fmt::format("UPDATE runs SET status = ?, summary_json = ?, finished = {} WHERE run_id = ?", now));
    update.bind(1, status);
    update.bind(2, summary_json);
    update.bind(3, run);
    if (update.exec() != 1) throw Error(ExitCode::internal, "DB-RUN", fmt::format("the archive holds no run {}", run));
    // What is still in the log goes into the file, so that whoever copies only the file has everything. Readers may
    // prevent it: then it happens later, by SQLite itself.
    state_->db.tryExec("PRAGMA wal_checkpoint(TRUNCATE)");
  });
}

}  // namespace dse::archive
