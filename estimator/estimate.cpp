#include "estimator/estimate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "estimator/costs.hpp"
#include "estimator/energy.hpp"
#include "estimator/flow.hpp"
#include "estimator/memory.hpp"
#include "estimator/period.hpp"
#include "estimator/run_plan.hpp"
#include "estimator/run_tables.hpp"
#include "estimator/simulation.hpp"
#include "estimator/workload.hpp"
#include "program/program.hpp"

namespace dse {
namespace {

std::string bytes_text(double bytes) {
  constexpr double kib = 1024, mib = kib * kib, gib = mib * kib;
  if (bytes >= gib) return fmt::format("{:.2f} GiB", bytes / gib);
  if (bytes >= mib) return fmt::format("{:.1f} MiB", bytes / mib);
  return fmt::format("{:.1f} KiB", bytes / kib);
}

// The receive step of a message: what follows it on the other device.
const FlowStep& receive_of(const Flow& flow, std::uint32_t message) {
  const std::uint32_t* next = &flow.successors[flow.first_successor[message]];
  while (flow.steps[*next].device != flow.steps[message].peer) ++next;
  return flow.steps[*next];
}

void add_steps(const Flow& flow, const FrameStep& of, std::vector<ScheduledStep>& steps) {
  const FlowStep& what = flow.steps[of.step];
  if (what.kind == FlowStep::Kind::instant) return;
  const bool message = what.kind == FlowStep::Kind::message;
  const double start = of.span.start;
  steps.push_back({what.device, what.lane, what.step, start, message ? start + what.seconds : of.span.end, of.frame});
  if (!message) return;
  const FlowStep& receive = receive_of(flow, of.step);
  steps.push_back({receive.device, receive.lane, receive.step, start + what.latency, of.span.end, of.frame});
}

}  // namespace

struct Estimator::State {
  const Network& network;
  const Platform& platform;
  CostTable costs;
  Resources resources;
  RunTables tables;
  std::vector<double> streaming;  // by device
  Outliner outliner;
  mutable SegmentMemories memories;

  State(const Network& of, const Platform& on)
      : network(of),
        platform(on),
        costs(of, on),
        resources(on),
        tables(of, on, costs),
        outliner(of, on, [this](const Part& part, int threads) {
          const LayerCost cost = part_cost(part, threads);
          return PartNote{cost.seconds, cost.seconds * cost.uncertainty, weakness(cost.tier)};
        }) {
    for (const Device& device : on.devices) streaming.push_back(device.profile->streaming_factor);
  }

  double port_bytes(const ValuePort& port) const;
  double cut_seconds(const PlanSegment& segment) const;
  LayerCost part_cost(const Part& part, int threads) const;
  double segment_seconds(const Plan& plan, const PlanSegment& segment) const;
  SegmentTimes segment_times(const Plan& plan) const;
  Workload workload(const Plan& plan) const;
  void judge_costs(const Plan& plan, Workload& workload) const;
  Estimate estimate(const Workload& workload, const EstimateOptions& options) const;
  void add_devices(const Workload& workload, const Period& period, Estimate& estimate) const;
  void judge_memory(Estimate& estimate) const;
};

double Estimator::State::port_bytes(const ValuePort& port) const {
  return static_cast<double>(port.box.elements()) *
         static_cast<double>(element_size(value_type(network, port.value).type));
}

// Whole layers are measured; a part is charged by its share of the arithmetic and by the bytes that it touches. A sum
// of partial results is no fraction of its layer, whose arithmetic is in the partial results: it is charged as
// element-wise work.
LayerCost Estimator::State::part_cost(const Part& part, int threads) const {
  if (part.work.kind == PartKind::reduce) {
    LayerFeatures sum;
    for (const ValuePort& port : part.inputs) {
      sum.work += static_cast<double>(port.box.elements());
      sum.bytes += port_bytes(port);
    }
    for (const ValuePort& port : part.outputs) sum.bytes += port_bytes(port);
    return sum_cost(*platform.devices[part.device].profile, sum, threads);
  }
  LayerCost cost = costs.at(part.layer, part.device, threads);
  if (part.fraction == 1 && part.work.kind == PartKind::full) return cost;
  const PartCost& model = costs.part_at(part.layer, part.device, threads);
  cost.tier = model.tier;
  const PartAxis axis = part_axis(network, part);
  const PartCurve& curve = model.curve(axis);
  const double among_others = platform.devices[part.device].profile->split_factor;
  cost.seconds =
      among_others * (curve.known() ? curve.seconds(part.fraction) : model.seconds(part_features(network, part)));
  if (model.measured[static_cast<std::size_t>(axis)]) {
    const double beyond = std::max(0.0, 1 - part.fraction / curve.smallest());
    cost.uncertainty = model.between + beyond * (model.uncertainty - model.between);
    return cost;
  }
  // The whole is measured, a vanishing part only modelled.
  cost.uncertainty += (1 - std::min(part.fraction, 1.0)) * (model.uncertainty - cost.uncertainty);
  return cost;
}

double Estimator::State::cut_seconds(const PlanSegment& segment) const {
  double bytes = 0;
  const auto add = [&](const ValuePort& port, Port how) {
    // At the network's own inputs and outputs the undivided network pays the same.
    if (port.value.kind == ValueId::Kind::tensor) {
      const NetworkTensor& tensor = network.tensors()[port.value.index];
      if (tensor.producer && !tensor.is_output) bytes += relaid_bytes(network, port, how);
    }
  };
  for (const ValuePort& port : segment.inputs) add(port, Port::read);
  for (const ValuePort& port : segment.outputs) add(port, Port::made);
  return bytes * platform.devices[segment.device].profile->cut_seconds_per_byte;
}

double Estimator::State::segment_seconds(const Plan& plan, const PlanSegment& segment) const {
  double seconds = platform.devices[segment.device].profile->run_overhead_seconds + cut_seconds(segment);
  const int threads = plan.programs.programs[segment.device].threads;
  for (const PartId id : segment.parts) seconds += part_cost(plan.parts[id], threads).seconds;
  return seconds;
}

SegmentTimes Estimator::State::segment_times(const Plan& plan) const {
  SegmentTimes times(plan.programs.programs.size());
  for (std::size_t d = 0; d < times.size(); ++d) times[d].assign(plan.programs.programs[d].segments.size(), -1);
  for (const PlanSegment& segment : plan.segments) {
    double& seconds = times[segment.device][segment.program_segment];
    if (seconds < 0) seconds = segment_seconds(plan, segment);
  }
  return times;
}

// The tier is the weakest of any part's; the uncertainty is the parts', weighted by time: errors of one profile go the
// same way.
void Estimator::State::judge_costs(const Plan& plan, Workload& workload) const {
  double seconds = 0, doubt = 0;
  for (const Part& part : plan.parts) {
    const LayerCost cost = part_cost(part, plan.programs.programs[part.device].threads);
    seconds += cost.seconds;
    doubt += cost.seconds * cost.uncertainty;
    if (weakness(cost.tier) > weakness(workload.tier)) workload.tier = cost.tier;
  }
  workload.uncertainty = seconds > 0 ? doubt / seconds : 0;
}

Workload Estimator::State::workload(const Plan& plan) const {
  Workload result;
  result.flows = make_flows(platform, resources, plan, segment_times(plan));
  judge_costs(plan, result);
  const std::vector<DeviceMemory> memory = device_memory(network, platform, plan);
  for (std::size_t d = 0; d < memory.size(); ++d) {
    const program::Program& program = plan.programs.programs[d];
    result.devices.push_back({!program.lanes.empty(), program.threads, memory[d]});
  }
  return result;
}

void Estimator::State::add_devices(const Workload& workload, const Period& period, Estimate& estimate) const {
  const std::size_t count = platform.devices.size();
  std::vector<Activity> activities(count);
  estimate.devices.resize(count);
  for (const Flow& flow : workload.flows) {
    for (const FlowStep& step : flow.steps) {
      if (step.kind == FlowStep::Kind::compute) {
        activities[step.device].busy_s += flow.fraction * step.seconds * streaming[step.device];
      } else if (step.kind == FlowStep::Kind::message) {
        for (const std::uint32_t end : {step.device, step.peer}) {
          activities[end].communication_s += flow.fraction * step.cpu_seconds;
          activities[end].messages += flow.fraction;
          activities[end].bytes += flow.fraction * step.bytes;
        }
        estimate.devices[step.device].nic_out_s += flow.fraction * step.seconds;
        estimate.devices[step.peer].nic_in_s += flow.fraction * step.seconds;
      }
    }
  }
  for (std::size_t d = 0; d < count; ++d) {
    DeviceEstimate& of = estimate.devices[d];
    const DeviceWork& work = workload.devices[d];
    const Device& device = platform.devices[d];
    of.device = d;
    of.used = work.used;
    if (!of.used) continue;
    Activity& activity = activities[d];
    activity.waiting_s = std::max(0.0, period.seconds - activity.busy_s - activity.communication_s);
    of.busy_s = activity.busy_s;
    of.communication_s = activity.communication_s;
    of.waiting_s = activity.waiting_s;
    of.memory_load_bytes = work.memory.load_bytes;
    of.memory_run_bytes = work.memory.run_bytes;
    of.memory_bytes = work.memory.peak();
    of.weight_bytes = work.memory.weight_bytes;
    of.energy_j = device_energy(device.power, work.threads, device.cores, period.seconds, activity).total();
    ++estimate.device_count;
    estimate.energy_max_j = std::max(estimate.energy_max_j, of.energy_j);
    estimate.energy_sum_j += of.energy_j;
    estimate.memory_max_bytes = std::max(estimate.memory_max_bytes, of.memory_bytes);
    estimate.energy_assumed |= device.power.source == Provenance::assumed;
  }
}

void Estimator::State::judge_memory(Estimate& estimate) const {
  for (const DeviceEstimate& of : estimate.devices) {
    const Device& device = platform.devices[of.device];
    const auto limit = static_cast<double>(device.memory_bytes);
    if (!of.used || of.memory_bytes <= limit) continue;
    estimate.feasible = false;
    estimate.violation += of.memory_bytes / limit - 1;
    if (!estimate.reason.empty()) estimate.reason += "; ";
    estimate.reason +=
        fmt::format("device {} lacks {}: {} needs {} and it has {}", device.name, bytes_text(of.memory_bytes - limit),
                    of.memory_load_bytes > of.memory_run_bytes ? "loading" : "running", bytes_text(of.memory_bytes),
                    bytes_text(limit));
  }
}

Estimate Estimator::State::estimate(const Workload& workload, const EstimateOptions& options) const {
  Estimate estimate;
  std::vector<double> latencies;
  std::vector<Span> spans;
  for (const Flow& flow : workload.flows) {
    std::vector<Span> of_flow;
    latencies.push_back(one_frame_latency(flow, resources, platform.devices.size(), &of_flow));
    if (latencies.back() <= estimate.latency_s && !spans.empty()) continue;
    estimate.latency_s = latencies.back();
    spans = std::move(of_flow);
    if (!options.schedule) continue;
    estimate.schedule.clear();
    for (std::size_t s = 0; s < spans.size(); ++s) {
      const FlowStep& step = flow.steps[s];
      estimate.schedule.push_back({step.device, step.lane, step.step, spans[s].start, spans[s].end});
    }
  }
  const Period period = closed_form_period(workload.flows, latencies, resources, streaming);
  estimate.period_s = period.seconds;
  estimate.bottleneck = period.bottleneck;
  estimate.survivability = survivability(workload.flows, latencies, resources, streaming, period.seconds);
  estimate.tier = workload.tier;
  estimate.uncertainty = workload.uncertainty;
  add_devices(workload, period, estimate);
  judge_memory(estimate);
  return estimate;
}

Estimator::Estimator(const Network& network, const Platform& platform)
    : state_(std::make_unique<const State>(network, platform)) {}
Estimator::~Estimator() = default;

const Network& Estimator::network() const { return state_->network; }
const Platform& Estimator::platform() const { return state_->platform; }

LayerCost Estimator::layer(LayerId layer, std::size_t device, int threads) const {
  return state_->costs.at(layer, device, threads);
}

double Estimator::least_seconds(LayerId layer, std::size_t device, int threads) const {
  return dse::least_seconds(state_->network.layers()[layer], state_->costs.part_at(layer, device, threads));
}

LayerCost Estimator::part(const Plan& plan, const Part& part) const {
  return state_->part_cost(part, plan.programs.programs[part.device].threads);
}

double Estimator::segment_seconds(const Plan& plan, const PlanSegment& segment) const {
  return state_->segment_seconds(plan, segment);
}

Estimate Estimator::estimate(const Plan& plan, const EstimateOptions& options) const {
  return state_->estimate(state_->workload(plan), options);
}

std::optional<Estimate> Estimator::tabulated(std::span<const ReplicaRuns> replicas) const {
  thread_local Workload workload;
  const State& state = *state_;
  if (!plan_runs(state.platform, state.network, state.resources, state.tables, replicas, workload)) return std::nullopt;
  return state.estimate(workload, {});
}

std::optional<Estimate> Estimator::outlined(const Mapping& mapping) const {
  thread_local Workload workload;
  thread_local Outline outline;
  const State& state = *state_;
  if (!state.outliner.outline(mapping, outline)) return std::nullopt;
  fill_workload(state.platform, state.network, state.resources, outline, state.memories, workload);
  return state.estimate(workload, {});
}

Estimate Estimator::estimate(std::span<const ReplicaRuns> replicas) const {
  if (std::optional<Estimate> known = tabulated(replicas)) return *std::move(known);
  return estimate(to_mapping(replicas));
}

Estimate Estimator::estimate(const Mapping& mapping, const EstimateOptions& options) const try {
  return estimate(lower(state_->network, state_->platform, mapping), options);
} catch (const Error& error) {
  if (error.exit() != ExitCode::bad_input) throw;
  Estimate estimate;
  estimate.feasible = false;
  estimate.reason = error.message();
  estimate.violation = 1;
  return estimate;
}

double Estimator::simulated_period(const Plan& plan, std::size_t frames) const {
  const State& state = *state_;
  const std::vector<Flow> flows = make_flows(state.platform, state.resources, plan, state.segment_times(plan));
  const std::vector<std::size_t> dealt = program::deal_frames(plan.programs.deployment.replicas, frames);
  const std::vector<double> finished =
      simulate(flows, state.resources, state.platform.devices.size(), dealt, state.streaming).finished;
  // Results leave in frame order: a frame is out when it and all before it are done.
  std::vector<double> out = finished;
  for (std::size_t i = 1; i < out.size(); ++i) out[i] = std::max(out[i], out[i - 1]);
  const std::size_t warm = frames / 4;
  return (out.back() - out[warm]) / static_cast<double>(frames - 1 - warm);
}

SimulatedRun Estimator::simulated_run(const Plan& plan, std::size_t frames) const {
  const State& state = *state_;
  const std::vector<Flow> flows = make_flows(state.platform, state.resources, plan, state.segment_times(plan));
  const std::vector<std::size_t> dealt = program::deal_frames(plan.programs.deployment.replicas, frames);
  std::vector<FrameStep> every_step;
  SimulatedRun run;
  run.finished_s =
      simulate(flows, state.resources, state.platform.devices.size(), dealt, state.streaming, &every_step).finished;
  for (const FrameStep& of : every_step) add_steps(flows[dealt[of.frame]], of, run.steps);
  return run;
}

}  // namespace dse
