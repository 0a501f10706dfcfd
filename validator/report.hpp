// What a worker reports of a run ("dse: worker-report/1"), checked: it comes from another process, perhaps another
// machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dse::validator {

struct ReportStep {
  std::size_t lane = 0;
  std::size_t step = 0;
  std::string name;
  std::string kind;     // "run", "send", ...
  double median_s = 0;  // of its duration on the worker's thread
};

// Of a host, told by the lowest of the ranks on it.
struct ReportEnergy {
  std::string sensor;                      // its kind
  std::string source;                      // and what of the host it measures
  std::vector<std::size_t> ranks;          // that took the energy together: the reporting one, then any others
  std::optional<double> joules_per_frame;  // empty where measuring failed
  double seconds = 0;
  std::size_t samples = 0;
  std::string failure;
};

struct ReportDevice {
  std::string device;
  std::string host;
  std::vector<int> cores;  // that it was allowed to use
  double busy_s = 0;       // in run steps, a frame of the deployment
  double communication_s = 0;
  double waiting_s = 0;
  double load_s = 0;
  double memory_bytes = 0;  // peak resident
  std::vector<ReportStep> steps;
  std::optional<ReportEnergy> energy;  // empty without a sensor, and where a lower rank tells it
};

// What one step of one frame took, on rank 0's clock.
struct ReportEvent {
  std::size_t rank = 0;
  std::size_t frame = 0;
  std::size_t lane = 0;
  std::size_t step = 0;
  double start_s = 0;  // after the first frame's start; below 0 for a receive that was posted earlier
  double end_s = 0;
};

struct Report {
  bool ok = false;
  std::string failure;  // of a package of a list that did not run
  std::size_t frames = 0;
  std::size_t warmup = 0;
  std::optional<double> latency_s;
  std::optional<double> period_s;
  std::optional<double> max_relative_output_error;  // empty where nothing was compared
  std::string engine_version;
  std::string mpi_version;
  std::string wait;
  std::vector<ReportDevice> devices;
  std::vector<ReportEvent> trace;  // empty unless it was asked for
};

// One report, or the array of a list. Throws Error(device, REPORT-JSON) for text that is none, with names of devices
// other than `devices`, negative or non-finite figures, energy that no device takes or that is told twice.
std::vector<Report> parse_reports(const std::string& text, const std::vector<std::string>& devices);

}  // namespace dse::validator
