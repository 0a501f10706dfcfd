// What an execution took, kept in bounded memory: durations a step, totals, and optionally a trace.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/executor.hpp"

namespace dse::runtime {

class Recorder {
 public:
  Recorder(const program::Program& program, const ExecutorOptions& options);

  double now() const;  // seconds since the epoch

  // A step's work on the executor's thread, which ended at `end`.
  void work(std::size_t frame, std::size_t lane, std::size_t step, double start, double end);
  void event(std::size_t frame, std::size_t lane, std::size_t step, double start, double end);
  void waited(double seconds) {
    if (counting_) report_.waiting_s += seconds;
  }
  void started(std::size_t frame, double time) { report_.started.push_back({frame, time}); }
  void finished(std::size_t frame, double time) { report_.finished.push_back({frame, time}); }
  void done(std::size_t frame) {
    if (frame >= warmup_) ++report_.frames;
  }

  RunReport report();

 private:
  // The latest durations of a step; its count and total are of all.
  struct Samples {
    std::vector<float> recent;
    std::size_t count = 0;
    double total = 0;
  };
  static constexpr std::size_t kept_samples = 4096;

  const program::Program& program_;
  std::size_t warmup_;
  bool trace_;
  std::size_t trace_events_;
  Clock::time_point epoch_;
  double begin_;
  bool counting_;
  std::vector<std::vector<Samples>> samples_;  // by lane and step
  RunReport report_;
};

}  // namespace dse::runtime
