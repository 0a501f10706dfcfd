#include "estimator/period.hpp"

#include <algorithm>

namespace dse {
namespace {

void add_busy(const Flow& flow, double fraction, std::span<const double> streaming, std::vector<double>& busy) {
  for (const FlowStep& step : flow.steps) {
    if (step.kind == FlowStep::Kind::compute) {
      busy[Resources::compute(step.device)] += fraction * step.seconds * streaming[step.device];
    } else if (step.kind == FlowStep::Kind::message) {
      busy[step.sending] += fraction * step.seconds;
      if (step.receiving != step.sending) busy[step.receiving] += fraction * step.seconds;
      busy[Resources::compute(step.device)] += fraction * step.cpu_seconds;
      busy[Resources::compute(step.peer)] += fraction * step.cpu_seconds;
    }
  }
}

bool computes_on(const Flow& flow, std::size_t device) {
  return std::any_of(flow.steps.begin(), flow.steps.end(), [device](const FlowStep& step) {
    return step.kind == FlowStep::Kind::compute && step.device == device;
  });
}

// Frames a second of the flows that do not compute on `lost`, their dealt shares kept in proportion.
double throughput_without(std::size_t lost, std::span<const Flow> flows, std::span<const double> latencies,
                          const Resources& resources, std::span<const double> streaming) {
  std::vector<Flow> left;
  std::vector<double> left_latencies;
  double fractions = 0;
  for (std::size_t f = 0; f < flows.size(); ++f) {
    if (computes_on(flows[f], lost)) continue;
    left.push_back(flows[f]);
    left_latencies.push_back(latencies[f]);
    fractions += flows[f].fraction;
  }
  if (left.empty()) return 0;
  for (Flow& flow : left) flow.fraction /= fractions;
  const double period = closed_form_period(left, left_latencies, resources, streaming, false).seconds;
  return period > 0 ? 1 / period : 0;
}

}  // namespace

Period closed_form_period(std::span<const Flow> flows, std::span<const double> latencies, const Resources& resources,
                          std::span<const double> streaming, bool name) {
  Period result;
  result.busy.assign(resources.count(), 0);
  for (const Flow& flow : flows) add_busy(flow, flow.fraction, streaming, result.busy);
  const auto busiest = std::max_element(result.busy.begin(), result.busy.end());
  result.seconds = *busiest;
  if (name) result.bottleneck = resources.name(static_cast<std::size_t>(busiest - result.busy.begin()));
  for (std::size_t f = 0; f < flows.size(); ++f) {
    const double bound = flows[f].fraction * latencies[f] / static_cast<double>(flows[f].frames_in_flight);
    if (bound <= result.seconds) continue;
    result.seconds = bound;
    if (name) {
      result.bottleneck = "replica " + std::to_string(flows[f].replica) + ": " +
                          std::to_string(flows[f].frames_in_flight) + " frames in flight";
    }
  }
  return result;
}

double survivability(std::span<const Flow> flows, std::span<const double> latencies, const Resources& resources,
                     std::span<const double> streaming, double period) {
  if (flows.size() < 2) return 0;
  double worst = 1;
  for (std::size_t device = 0; device < streaming.size(); ++device) {
    const bool used =
        std::any_of(flows.begin(), flows.end(), [device](const Flow& f) { return computes_on(f, device); });
    if (!used) continue;
    worst = std::min(worst, period * throughput_without(device, flows, latencies, resources, streaming));
  }
  return worst;
}

}  // namespace dse
