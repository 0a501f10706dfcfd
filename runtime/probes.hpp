// Calibration probes: what `dse-probe` measures on the device that it runs on. Every probe is one short-lived process:
// the engine has one pool of threads a process, and peak memory is a process's.
//
// A chain is a list of models run one after another as a deployment would: a port named as an earlier output reads that
// output, any other input is filled with seeded values. Requests and reports are JSON, so that a probe can run on
// another host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"

namespace dse::probes {

using Chain = std::vector<std::string>;  // model files

// Times every model of every chain, chain after chain in turn, so that slow drifts of the machine reach all of them
// alike and caches are as cold as in a deployment.
struct TimingRequest {
  int threads = 1;
  std::vector<int> cpus;         // processors to stay on; empty: the inherited ones
  double seconds = 10;           // budget of the measuring passes, after loading and one warming pass
  std::size_t least_passes = 3;  // even where they take longer
  std::size_t most_passes = 40;
  std::vector<Chain> chains;
  // Models by themselves, in turn with the chains: each has tensors of its own, whatever their names, and finds its
  // inputs in the caches.
  Chain apart;
};

struct ModelTime {
  double seconds = 0;       // lower quartile of the samples kept; under a quota the mean of all
  double spread = 0;        // their interquartile range over their median; under a quota that of the windows' means
  std::size_t samples = 0;  // kept
};

// One thread's copy of so many bytes between two places.
struct CopyTime {
  std::int64_t bytes = 0;
  double seconds = 0;       // lower quartile, of places that eight megabytes of other copies pushed out of near caches
  double warm_seconds = 0;  // of the same places again and again
};
std::vector<CopyTime> measure_copies();

struct TimingReport {
  std::string engine_version;
  std::vector<std::vector<ModelTime>> chains;  // as the request's
  std::vector<ModelTime> apart;
  std::vector<CopyTime> copies;
  std::size_t passes = 0;
  double preempted = 0;  // fraction of samples during which another process took the processor
  double noise = 0;      // relative interquartile range of a fixed piece of arithmetic, run a few times a pass
  bool quota = false;    // a processor quota of this process's control group is active
  double seconds = 0;    // that measuring took: more than the budget where there are more windows than fit into it
};

// Under a processor quota smaller than the processors that the probe may use, a model's time is the mean over a window
// of at least 20 of the quota's periods in which it runs again and again, stops by the quota included: that is what the
// device is like. Every model has one window, and further ones as long as the budget lasts.
TimingReport measure_times(const TimingRequest& request);
// The budget, or what the windows under this process's quota take at least: what to wait for.
double expected_seconds(const TimingRequest& request);

// Resident memory of a process that loads the models of one chain and runs it.
struct MemoryRequest {
  int threads = 1;
  Chain chain;
};

struct MemoryReport {
  std::uint64_t base_bytes = 0;         // engine started, nothing loaded
  std::uint64_t loaded_peak_bytes = 0;  // highest until all models were loaded
  std::uint64_t run_peak_bytes = 0;     // highest while running, what loading left behind returned to the system
  std::uint64_t port_bytes = 0;         // of the probe's own tensors, which a worker keeps in its frame slots
};

MemoryReport measure_memory(const MemoryRequest& request);

// Messages between rank 0 and rank 1 of an MPI job of two, over the transport that workers use, each sent after a pause
// in which the receiver waits as a worker waits for its next frame.
struct LinkRequest {
  std::vector<std::int64_t> sizes;  // bytes
  std::size_t repetitions = 20;     // of each size, at most: large ones get fewer
  double longest_seconds = 0.25;    // one way: larger sizes are left out once one takes longer
  int poll_microseconds = 50;       // as the worker's wait policy; 0: spinning
  // By rank: processors to stay on, as workers stay on their device's. Communication and computing then share them.
  // Empty: the inherited ones.
  std::vector<std::vector<int>> cpus;
};

struct LinkSample {
  std::int64_t bytes = 0;
  double seconds = 0;      // one way, found by a receiver that looks all the time: half a round trip, lower quartile
  double cpu_seconds = 0;  // processor time of one end for one message, under the wait policy
};

// How much later a message is noticed by a device that has been waiting for it: its worker looks less and less often.
struct WakeSample {
  double waited_seconds = 0;
  double late_seconds = 0;
};

struct LinkReport {
  int rank = 0;
  std::vector<LinkSample> samples;
  std::vector<WakeSample> wakes;
  // Processor time of one end for one message between two devices that compute all the time, beside the computing:
  // messages are looked for meanwhile.
  double computing_cpu_seconds = 0;
  // Time of the largest message while one of its size goes the other way / its time alone: 1 where the directions do
  // not disturb each other, 2 on a half-duplex medium.
  double both_ways = 1;
  std::uint64_t mpi_bytes = 0;  // what MPI and these messages added to the resident memory of a rank
};

// In every rank of the job, which it starts and ends; reports are alike, that of rank 0 is used.
LinkReport measure_link(const LinkRequest& request, int& argc, char**& argv);

// Power of the device in one of its states, while it stays in it.
enum class PowerState {
  idle,     // nothing runs
  active,   // the chain runs again and again with that many threads
  waiting,  // a worker waits for a message that does not come; starts and ends an MPI job of one rank
};

struct PowerRequest {
  PowerState state = PowerState::idle;
  std::string sensor = "auto";  // as open_power_sensor() takes them
  std::string root = "/";
  double seconds = 2;          // of the measurement
  double longest_seconds = 0;  // of a second one, where the first had too few samples; 0: none
  int threads = 1;
  std::vector<int> cpus;
  Chain chain;
  int poll_microseconds = 50;  // as the worker's wait policy; 0: spinning
};

struct PowerReport {
  std::string sensor;  // its kind
  std::string source;
  double watts = 0;  // mean
  double seconds = 0;
  std::size_t samples = 0;
};

// Throws what the sensor throws, and Error(device, POWER-SENSOR) where there is none.
PowerReport measure_power(const PowerRequest& request, int& argc, char**& argv);

std::string to_json(const TimingRequest& request);
std::string to_json(const TimingReport& report);
std::string to_json(const MemoryRequest& request);
std::string to_json(const MemoryReport& report);
std::string to_json(const LinkRequest& request);
std::string to_json(const LinkReport& report);
std::string to_json(const PowerRequest& request);
std::string to_json(const PowerReport& report);
// Throw Error(bad_input, PROBE-JSON).
TimingRequest timing_request_from_json(const std::string& text);
TimingReport timing_report_from_json(const std::string& text);
MemoryRequest memory_request_from_json(const std::string& text);
MemoryReport memory_report_from_json(const std::string& text);
LinkRequest link_request_from_json(const std::string& text);
LinkReport link_report_from_json(const std::string& text);
PowerRequest power_request_from_json(const std::string& text);
PowerReport power_report_from_json(const std::string& text);

}  // namespace dse::probes
