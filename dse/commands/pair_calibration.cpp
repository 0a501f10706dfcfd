#include "dse/commands/pair_calibration.hpp"

#include <algorithm>
#include <map>
#include <span>
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

// A mapping to the two workers, and what it was seen to take.
struct Run {
  const Network* network = nullptr;
  Plan plan;
  validator::Measurement measured;
};

class PairRuns {
 public:
  explicit PairRuns(const Platform& workers) : workers_(workers) {}

  void run(const Network& network) {
    const Estimator estimator(network, workers_);
    deploy::Reference reference(network, engine::Engine::instance());
    const auto run = [&](const Mapping& mapping, std::vector<Run>& into) {
      Plan plan = lower(network, workers_, mapping);
      const Estimate estimate = estimator.estimate(plan);
      const std::size_t frames = std::max<std::size_t>(16, validator::frames_for(estimate.period_s) / 2);
      validator::Measurement measured = run_two_workers(reference, workers_, plan, estimate, frames);
      into.push_back({&network, std::move(plan), std::move(measured)});
    };
    run(preset(estimator, Strategy::sequential, {0, 1}), stages);
    for (const Split split : {Split::channels, Split::rows}) run(split_everywhere(network, split), splits);
  }

  std::vector<Run> stages, splits;

 private:
  const Platform& workers_;
};

enum class Of { whole, parts };

bool is_whole(const Part& part) { return part.fraction == 1 && part.work.kind == PartKind::full; }

// What run steps of whole layers, or of parts alone, took in all while frames follow each other, over their estimates.
double slower(std::span<const Run> runs, Of what, const Platform& workers) {
  double measured = 0, estimated = 0;
  for (const Run& run : runs) {
    const Estimator estimator(*run.network, workers);
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>, double> seconds;
    for (std::size_t rank = 0; rank < run.measured.devices.size(); ++rank)
      for (const validator::ReportStep& step : run.measured.devices[rank].steps)
        seconds[{rank, step.lane, step.step}] = step.median_s;
    for (const PlanSegment& segment : run.plan.segments) {
      const auto found = seconds.find({segment.device, segment.lane, segment.step});
      const bool asked = std::all_of(segment.parts.begin(), segment.parts.end(),
                                     [&](PartId id) { return is_whole(run.plan.parts[id]) == (what == Of::whole); });
      if (!asked || found == seconds.end() || !(found->second > 0)) continue;
      measured += found->second;
      estimated += estimator.segment_seconds(run.plan, segment);
    }
  }
  return estimated > 0 ? measured / estimated : 1;
}

// How many messages in turn the frame waits for: both devices receive at the same time.
std::size_t exchanges(const Plan& plan) {
  std::size_t most = 0;
  for (const program::Program& program : plan.programs.programs)
    for (const program::Lane& lane : program.lanes) {
      const auto receives = std::count_if(lane.steps.begin(), lane.steps.end(), [](const program::Step& step) {
        return step.kind == program::StepKind::receive;
      });
      most = std::max(most, static_cast<std::size_t>(receives));
    }
  return most;
}

// What a frame alone took beyond its estimate, a message.
double late_seconds(std::span<const Run> runs, const Platform& workers) {
  double missing = 0;
  std::size_t messages = 0;
  for (const Run& run : runs) {
    const Estimator estimator(*run.network, workers);
    missing += run.measured.latency_s - estimator.estimate(run.plan).latency_s;
    messages += exchanges(run.plan);
  }
  return messages > 0 ? missing / static_cast<double>(messages) : 0;
}

}  // namespace

void calibrate_pair(const std::vector<Network>& networks, int cores, DeviceProfile& profile) {
  profile.streaming_factor = profile.split_factor = 1;
  profile.exchange_seconds = 0;
  const Platform workers = two_workers(profile, cores);
  PairRuns runs(workers);
  std::size_t used = 0;
  for (const Network& network : networks)
    if (weight_bytes(network) <= most_weight_bytes && network.layers().size() > 1 && ++used <= most_networks)
      runs.run(network);
  // Nothing is quicker for being disturbed.
  profile.streaming_factor = std::max(1.0, slower(runs.stages, Of::whole, workers));
  profile.split_factor = std::max(1.0, slower(runs.splits, Of::parts, workers));
  profile.exchange_seconds = std::max(0.0, late_seconds(runs.splits, two_workers(profile, cores)));
}

}  // namespace dse
