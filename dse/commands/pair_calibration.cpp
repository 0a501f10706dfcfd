#include "dse/commands/pair_calibration.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "dse/commands/two_workers.hpp"
#include "estimator/presets.hpp"

namespace dse {
namespace {

constexpr std::int64_t most_weight_bytes = 256 << 20;  // to write a package of more takes longer than to run it
constexpr std::size_t most_networks = 2;

std::int64_t weight_bytes(const Network& network) {
  std::int64_t bytes = 0;
  for (const Layer& layer : network.layers()) bytes += layer.weight_bytes;
  return bytes;
}

Mapping split_everywhere(const Network& network, Split split) {
  Stage stage;
  for (LayerId layer = 0; layer < network.layers().size(); ++layer) stage.layers.push_back(layer);
  stage.devices = {0, 1};
  stage.split = split;
  Mapping mapping;
  mapping.replicas.push_back({1, {stage}});
  return mapping;
}

// Seconds of run steps.
struct Times {
  double measured = 0, estimated = 0;
  double ratio() const { return estimated > 0 ? measured / estimated : 1; }
};

struct PairTimes {
  Times whole, split;  // steps of whole layers, steps of parts
};

void add(const Estimator& estimator, const Plan& plan, const validator::Measurement& measured, PairTimes& times) {
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, double> seconds;
  for (std::size_t rank = 0; rank < measured.devices.size(); ++rank)
    for (const validator::ReportStep& step : measured.devices[rank].steps)
      seconds[{rank, step.lane, step.step}] = step.median_s;
  for (const PlanSegment& segment : plan.segments) {
    const auto found = seconds.find({segment.device, segment.lane, segment.step});
    if (found == seconds.end() || !(found->second > 0)) continue;
    const auto is_split = [&](PartId id) {
      return plan.parts[id].fraction < 1 || plan.parts[id].work.kind != PartKind::full;
    };
    const auto parts = std::count_if(segment.parts.begin(), segment.parts.end(), is_split);
    if (parts != 0 && parts != std::ssize(segment.parts)) continue;
    Times& of = parts == 0 ? times.whole : times.split;
    of.measured += found->second;
    of.estimated += estimator.segment_seconds(plan, segment);
  }
}

}  // namespace

void calibrate_pair(const std::vector<Network>& networks, int cores, DeviceProfile& profile) {
  profile.streaming_factor = profile.split_factor = 1;
  const Platform workers = two_workers(profile, cores);
  PairTimes streaming, splits;
  std::size_t used = 0;
  for (const Network& network : networks) {
    if (weight_bytes(network) > most_weight_bytes || network.layers().size() < 2 || ++used > most_networks) continue;
    const Estimator estimator(network, workers);
    deploy::Reference reference(network, engine::Engine::instance());
    const auto run = [&](const Mapping& mapping, PairTimes& times) {
      const Plan plan = lower(network, workers, mapping);
      const Estimate estimate = estimator.estimate(plan);
      const std::size_t frames = std::max<std::size_t>(16, validator::frames_for(estimate.period_s) / 2);
      add(estimator, plan, run_two_workers(reference, workers, plan, estimate, frames), times);
    };
    run(preset(estimator, Strategy::sequential, {0, 1}), streaming);
    for (const Split split : {Split::channels, Split::rows}) run(split_everywhere(network, split), splits);
  }
  // Neither is below 1: nothing is quicker for being disturbed.
  profile.streaming_factor = std::max(1.0, streaming.whole.ratio());
  profile.split_factor = std::max(1.0, splits.split.ratio());
}

}  // namespace dse
