// Latency, period, memory and energy of a mapping, from its Programs and the devices' profiles.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "estimator/layer_runs.hpp"
#include "models/network.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"

namespace dse {

enum class Tier { table, analytical, corrected };  // which tier a time came from, the weakest wins

struct DeviceEstimate {
  std::size_t device = 0;
  bool used = false;
  double busy_s = 0;           // compute time a frame of the system (replica fractions applied)
  double communication_s = 0;  // CPU time of communication a frame
  double waiting_s = 0;        // period - busy - communication, not below 0
  double nic_out_s = 0, nic_in_s = 0;
  double memory_bytes = 0;  // peak resident memory of its worker
  double memory_load_bytes = 0, memory_run_bytes = 0;
  double energy_j = 0;  // a frame of the system
  double weight_bytes = 0;
};

// When a step of a device's program ran, or would run.
struct ScheduledStep {
  std::size_t device = 0, lane = 0, step = 0;
  double start_s = 0, end_s = 0;
  std::size_t frame = 0;
};

// Frames in a discrete-event simulation, from the first that enters an empty pipeline.
struct SimulatedRun {
  // Run, copy, send and receive steps; input and output take no time. A send is there as long as it keeps its sending
  // side busy, a receive until its message has been noticed.
  std::vector<ScheduledStep> steps;
  std::vector<double> finished_s;  // by frame
};

struct Estimate {
  double latency_s = 0;
  double period_s = 0;
  double memory_max_bytes = 0;
  double energy_max_j = 0;
  double energy_sum_j = 0;
  int device_count = 0;
  double survivability =
      0;  // best throughput left after the worst single device is lost, as a fraction (0 unless replicated)
  Tier tier = Tier::table;
  double uncertainty = 0;  // relative, of latency and period
  bool energy_assumed = false;
  bool feasible = true;
  std::string reason;      // why not: which device lacks how much
  double violation = 0;    // sum of relative excess over the constraints, 0 when feasible
  std::string bottleneck;  // what the period is the maximum of: "device nano0", "replica 1 in flight", ...
  std::vector<DeviceEstimate> devices;
  std::vector<ScheduledStep> schedule;  // the list schedule of one frame of the slowest replica, where asked for
};

struct EstimateOptions {
  bool schedule = false;  // keep the list schedule
};

// Kernel seconds of a layer on a device with a number of threads.
struct LayerCost {
  double seconds = 0;
  Tier tier = Tier::table;
  double uncertainty = 0;
};

class Estimator {
 public:
  // Tabulates the layers' costs once; keeps references: network and platform must outlive it.
  Estimator(const Network& network, const Platform& platform);
  ~Estimator();
  Estimator(const Estimator&) = delete;
  Estimator& operator=(const Estimator&) = delete;

  LayerCost layer(LayerId layer, std::size_t device, int threads) const;
  // Seconds for the layer's work at the best rate that the whole or any part of it reaches: no division takes less in
  // all.
  double least_seconds(LayerId layer, std::size_t device, int threads) const;
  LayerCost part(const Plan& plan, const Part& part) const;
  // Seconds of a run step: its layers, the engine call, the cuts at its ports.
  double segment_seconds(const Plan& plan, const PlanSegment& segment) const;
  Estimate estimate(const Plan& plan, const EstimateOptions& options = {}) const;
  // lower() + estimate(); a mapping that cannot be lowered comes back infeasible with the reason.
  Estimate estimate(const Mapping& mapping, const EstimateOptions& options = {}) const;
  // Of to_mapping(replicas), within 1e-12 of what the other overloads say. From tables where they know what lowering
  // would do, which is most often; else by lowering.
  Estimate estimate(std::span<const ReplicaRuns> replicas) const;
  // The same from tables only; nothing where they do not know.
  std::optional<Estimate> tabulated(std::span<const ReplicaRuns> replicas) const;
  // Of a checked mapping, from an outline of it instead of its Programs, within 1e-12 of what estimate() says; nothing
  // where only lowering knows (partition/outline.hpp).
  std::optional<Estimate> outlined(const Mapping& mapping) const;
  // Steady time between finished frames in a discrete-event simulation of `frames` (at least 8) frames under the
  // worker's rule, the first quarter left out: what the closed form of estimate() approximates from below.
  double simulated_period(const Plan& plan, std::size_t frames = 200) const;
  // The same simulation's steps.
  SimulatedRun simulated_run(const Plan& plan, std::size_t frames) const;

  const Network& network() const;
  const Platform& platform() const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

enum class Objective { latency, period, energy_max, energy_sum, memory_max, devices, survivability };
std::string_view to_string(Objective);                   // "energy-max"
Objective objective_from_string(std::string_view text);  // Error(usage, OBJECTIVE) with a suggestion
// The value to minimise (survivability is negated).
double objective_value(const Estimate& estimate, Objective objective);

// Where an objective lies, if the estimate is off by what is known of its errors: by Estimate::uncertainty for times
// and energies (of a device whose power is assumed, the error of that comes on top and is not known), by
// memory_uncertainty for memory; counts and survivability, which follow from the mapping, lie where they are said to.
struct Interval {
  double low = 0, high = 0;
  bool overlaps(const Interval& other) const { return low <= other.high && other.low <= high; }
};
Interval objective_interval(const Estimate& estimate, Objective objective);
// The mean error of peak memory in docs/estimators.md.
inline constexpr double memory_uncertainty = 0.05;
// True where one of the objectives differs by more than both estimates may be off.
bool told_apart(const Estimate& a, const Estimate& b, std::span<const Objective> objectives);

}  // namespace dse
