// The archive: one SQLite file (WAL) of runs, candidates, validations and calibrations. DESIGN section 5 in types.
//
// Throws Error(database, DB-...) for busy, damaged, foreign or newer files, Error(io, DB-IO) for a full disk or missing
// permission. An untrusted file is opened defensively: schema compared, triggers and foreign views refused,
// quick_check, length limits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "estimator/estimate.hpp"

namespace dse::archive {

struct RunInfo {
  std::string model_path, model_name, model_sha256;
  std::string platform_path, platform_text, platform_sha256;
  std::string options_json;  // everything that determines the result, canonical
  std::string argv;          // as typed, for people
  std::uint64_t seed = 0;
  std::string versions_json;  // dse, engine, pagmo, compiler
  std::string host_json;
};

struct Run {
  std::int64_t id = 0;
  RunInfo info;
  std::string status;   // running | done | interrupted
  std::string started;  // ISO 8601
  std::int64_t generation = 0, evaluations = 0;
  double seconds = 0;
  std::string state;         // the search's own checkpoint
  std::string summary_json;  // what `dse explore` printed
};

struct NewCandidate {
  std::string mapping_json;  // canonical: unique within a run
  Estimate estimate;
  std::string strategy;
  std::int64_t generation = 0;
  bool on_front = false;
};

struct Candidate {
  std::int64_t id = 0, run = 0;
  std::string mapping_json, strategy;
  Estimate estimate;  // without schedule; devices filled
  std::int64_t generation = 0;
  bool on_front = false;
  bool validated = false;
};

struct Checkpoint {
  std::int64_t generation = 0, evaluations = 0;
  double seconds = 0;
  std::string state;
  std::vector<NewCandidate> added;      // not yet stored in this run
  std::vector<std::string> left_front;  // mapping_json of stored candidates that are dominated now
};

struct ValidationStep {
  std::string device, name, kind;
  std::int64_t replica = 0;
  double estimated_s = 0, measured_s = 0;  // medians over frames
};
struct ValidationDevice {
  std::string device;
  double busy_estimated_s = 0, busy_measured_s = 0;
  double memory_estimated_bytes = 0, memory_measured_bytes = 0;
  double energy_estimated_j = 0;
  std::optional<double> energy_measured_j;  // empty without a sensor
};
struct Validation {
  bool ok = false;      // outputs right
  std::string failure;  // "device pi0 (rank 1): killed by signal 9"; empty where it ran
  double max_relative_output_error = 0, tolerance = 0;
  std::int64_t frames = 0;
  double latency_estimated_s = 0, latency_measured_s = 0;
  double period_estimated_s = 0, period_measured_s = 0;
  double memory_estimated_bytes = 0, memory_measured_bytes = 0;
  double energy_estimated_j = 0;
  std::optional<double> energy_measured_j;
  bool oversubscribed = false;
  std::string provenance_json;  // link used, host facts, engine, wait policy
  std::vector<ValidationDevice> devices;
  std::vector<ValidationStep> steps;
};

class Archive {
 public:
  enum class Mode { create_or_open, open, read_only };
  static Archive open(const fs::path& path, Mode mode);
  ~Archive();
  Archive(Archive&&) noexcept;
  Archive& operator=(Archive&&) noexcept;

  std::int64_t begin_run(const RunInfo& info);
  // One transaction: new candidates, front changes, the run's counters and state.
  void commit(std::int64_t run, const Checkpoint& checkpoint);
  void finish_run(std::int64_t run, const std::string& status, const std::string& summary_json);

  std::vector<Run> runs() const;
  std::optional<Run> run(std::int64_t id) const;
  std::optional<std::int64_t> newest_run() const;
  // By device index; empty where the platform text named none.
  std::vector<std::string> device_names(std::int64_t run) const;
  std::vector<Candidate> front(std::int64_t run) const;  // by id
  std::vector<Candidate> candidates(std::int64_t run) const;
  std::optional<Candidate> candidate(std::int64_t id) const;
  // The front's knee: the feasible point farthest below the line (hyperplane) through the objectives' extremes, on
  // normalised objectives.
  std::optional<std::int64_t> knee(std::int64_t run, const std::vector<Objective>& objectives) const;

  std::int64_t add_validation(std::int64_t candidate, const Validation& validation);
  std::vector<Validation> validations(std::int64_t candidate) const;

 private:
  struct State;
  explicit Archive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace dse::archive
