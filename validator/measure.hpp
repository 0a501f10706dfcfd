// Runs a package as often as it takes to know its latency, period and memory, and whether its outputs are right.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "program/manifest.hpp"
#include "validator/report.hpp"

namespace dse::validator {

struct MeasureOptions {
  fs::path worker;         // find_worker()
  std::size_t frames = 0;  // of each run for the period, without warm-up; 0: what takes about two seconds, 24 to 400
  bool compare_outputs = true;        // in a run of its own, before the others
  std::size_t rounds = 3;             // medians over so many runs
  std::string power_sensor = "auto";  // what the workers read in the rounds for the period
  fs::path power_root = "/";
  std::size_t traced_frames = 0;  // of one more run, which keeps the time of every step; 0: no such run
  std::function<bool()> cancelled;
};

struct Measurement {
  ExitCode exit = ExitCode::done;  // of the worst run
  std::string failure;             // of that run, one line; empty where all ran
  bool ran = false;                // all rounds ended and reported
  bool outputs_right = false;      // every element of every output within its tolerance, or not compared
  double max_relative_output_error = 0;
  std::size_t frames = 0;             // measured for the period, all rounds together
  double latency_s = 0;               // median of the rounds with one frame in flight
  double period_s = 0;                // median of the rounds with as many in flight as the package says
  std::vector<ReportDevice> devices;  // by rank: medians over the period's rounds; peak memory: the highest of all
                                      // rounds; energy: the median of the rounds in which it was measured
  std::vector<ReportEvent> trace;     // of the run with traced_frames, which begins with an empty pipeline
  bool pinned = true;
  std::string engine_version, mpi_version, wait;
};

// Failures of runs are data; throws what launch() throws.
Measurement measure(const fs::path& package, const MeasureOptions& options);

// Of an even number the mean of the two in the middle; 0 of none.
double median(std::vector<double> values);

// Frames of a run whose period is about `period_s`.
std::size_t frames_for(double period_s);

// How long a run may take before everything is killed: far beyond the workers' own deadline, which watches progress.
std::chrono::milliseconds run_deadline(const program::Manifest& manifest, std::size_t frames);

}  // namespace dse::validator
