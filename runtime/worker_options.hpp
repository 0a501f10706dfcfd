// The command line of dse-worker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "program/manifest.hpp"

namespace dse::runtime {

struct WorkerOptions {
  std::vector<fs::path> packages;     // one, or those of a list
  bool list = false;                  // --packages: results are an array, a failing package does not stop the others
  std::optional<std::size_t> frames;  // default: twice the golden frames
  std::optional<std::size_t> warmup;  // default: as many as fill the pipeline, at most half of the frames
  std::optional<std::size_t> in_flight;
  fs::path input;
  fs::path output;
  fs::path report;
  bool check = false;
  bool verify_cuts = false;
  bool trace = false;
  std::optional<program::WaitPolicy> wait;
  std::optional<double> deadline_s;
  std::optional<int> threads;
  std::string power_sensor = "auto";  // as open_power_sensor() takes it
  fs::path power_root = "/";
  bool help = false;
  bool version = false;
};

// Throws Error(usage, WORKER-USAGE); reads the file of --packages (a path a line, '#' begins a comment).
WorkerOptions parse_worker_options(const std::vector<std::string>& arguments);

extern const char* const worker_usage;

}  // namespace dse::runtime
