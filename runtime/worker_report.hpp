// What a run took and whether it was right: each rank's part, and the whole that rank 0 makes of them.
#pragma once

#include <string>
#include <vector>

#include "runtime/energy_meter.hpp"
#include "runtime/frame_files.hpp"
#include "runtime/package.hpp"

namespace dse::runtime {

// One rank's part of a run.
struct DevicePart {
  std::size_t device = 0;
  RunReport run;
  double load_s = 0;                      // reading the package and making the sessions
  std::uint64_t memory_loaded_bytes = 0;  // resident once everything is loaded
  std::uint64_t memory_bytes = 0;         // peak resident
  int threads = 1;
  double communication_cpu_s = 0;  // CPU time of the communication thread, per frame
  double epoch_s = 0;              // zero of the run's times on this rank's steady clock
  double offset_before_s = 0;      // to be added to get rank 0's clock, before and after the run
  double offset_after_s = 0;
  std::vector<OutputCheck> outputs;  // by network output; empty where nothing was compared here
  std::vector<CutCheck::Result> cuts;
  // Of the whole host, from the first measured frame to the last: in the part of the lowest rank on it alone, so that
  // nothing is counted twice. Empty elsewhere, and where there is no sensor.
  std::optional<MeasuredEnergy> energy;
};

// As it travels to rank 0.
std::string to_json(const DevicePart& part, const Package& package, std::size_t measured_frames);

struct RunFacts {
  std::string tool_version;
  std::string engine_version;
  std::string mpi_version;
  std::string wait;
  std::size_t frames = 0;
  std::size_t warmup = 0;
  std::size_t in_flight = 0;  // 0: as the package says
  bool checked = false;
  bool trace = false;
};

// The report of one package as JSON text ("dse: worker-report/1"), from the parts of all devices by index; `wrong` says
// whether an output or a cut was compared and found wrong, `summary` is a few lines for people.
struct WholeReport {
  std::string json;
  std::string summary;
  bool wrong = false;
};
WholeReport whole_report(const Package& package, const RunFacts& facts, const std::vector<std::string>& parts);

// The report of a package that did not run.
WholeReport failure_report(const std::string& folder, int exit_code, const std::string& message);

// One value of all: the report itself, or an array for a list of packages.
std::string join_reports(const std::vector<WholeReport>& reports, bool list);

// Seconds between finished frames in the steady state: the median of (t[i+m] - t[i]) / m over ascending finishing
// times, m being half of them or the next lower multiple of `cycle` (frames after which the dealing to replicas
// repeats). 0 below two times.
double median_period(const std::vector<double>& finished, std::size_t cycle);

}  // namespace dse::runtime
