// Starts a package over MPI on this machine, watches it, and leaves no process behind.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"

namespace dse::validator {

struct Launch {
  std::vector<fs::path> packages;      // several run one after another in one mpirun: all with equally many ranks
  fs::path worker;                     // dse-worker; see find_worker()
  std::vector<std::string> arguments;  // further words for it
  std::chrono::milliseconds deadline{60'000};  // for everything; the workers' own deadline on progress comes first
  std::function<bool()> cancelled;
};

struct Outcome {
  ExitCode exit = ExitCode::done;  // done, bad_input, io, device (7), deadline (8), mismatch (9) or interrupted
  std::string failure;             // one line: "device pi0 (rank 1): killed by signal 9 (Killed)"; empty where it ran
  std::string output;              // of rank 0: its report as JSON (parse_reports)
  bool pinned = true;              // each rank had the cores of the rankfile to itself
  double seconds = 0;
};

// Every failure of the run is data. Throws Error(device, LAUNCH-...) where mpirun or the worker is not there, and what
// read_package() throws.
Outcome launch(const Launch& request);

// `named` where not empty, else DSE_WORKER, else beside the running program, else in PATH. Throws Error(device,
// LAUNCH-WORKER).
fs::path find_worker(const std::string& named = "");

// What mpirun and the workers wrote, as one line that names the device, and why it ended. `status`: mpirun's exit code,
// -1 where it had to be killed after its ranks had ended.
std::string failure_reason(const std::string& errors, int status, const std::vector<std::string>& devices);

}  // namespace dse::validator
