// One rank of an MPI job that runs packages.
#pragma once

#include <vector>

#include "runtime/mpi_session.hpp"
#include "runtime/watchdog.hpp"
#include "runtime/worker_options.hpp"
#include "runtime/worker_report.hpp"

namespace dse::runtime {

class Worker {
 public:
  Worker(MpiSession& session, Watchdog& watchdog, const WorkerOptions& options);

  // Runs every package and writes the report at rank 0; the exit code, the same on all ranks: of the last failure, else
  // done. A failure that the other ranks cannot be told of (in a frame, of MPI) ends the whole job from inside.
  int run();

 private:
  // What a rank holds of a package while it runs; nothing where the rank has no device in it.
  struct Loaded;

  int run_package(const fs::path& folder);
  Loaded load(const Package& package);
  void open_meter(const Package& package, Loaded& loaded) const;
  void run_frames(const Package& package, Loaded& loaded);
  RunFacts facts(const Package& package) const;
  // True where no rank failed; else rank 0 notes the first failure, and `code` is the largest exit code of all.
  bool agreed(const std::exception_ptr& failure, const fs::path& folder, int& code);
  [[noreturn]] void give_up(const std::exception_ptr& failure);
  void write_report() const;

  MpiSession& session_;
  Watchdog& watchdog_;
  const WorkerOptions& options_;
  std::vector<std::uint64_t> hosts_;  // by rank
  std::vector<WholeReport> reports_;  // at rank 0
};

// Prints "dse-worker: rank 2: <error>" as one line and returns the exit code that belongs to it.
int print_failure(int rank, const std::exception_ptr& failure);

// Versions as one JSON value.
std::string versions_json();

}  // namespace dse::runtime
