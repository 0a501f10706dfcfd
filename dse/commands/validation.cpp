#include "dse/commands/validation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "deploy/package.hpp"
#include "dse/command.hpp"
#include "dse/commands/step_timeline.hpp"
#include "dse/commands/subject.hpp"
#include "dse/version.hpp"
#include "estimator/estimate.hpp"
#include "partition/plan.hpp"

namespace dse {
namespace {

DeviceEstimate estimate_of(const Estimate& estimate, std::size_t device) {
  for (const DeviceEstimate& of : estimate.devices)
    if (of.device == device) return of;
  return {};
}

// The sub-model that a step runs; null for steps of other kinds, which the estimator does not cost one by one.
const PlanSegment* segment_of(const Plan& plan, std::size_t device, const program::Lane& lane,
                              const program::Step& step) {
  if (step.kind != program::StepKind::run) return nullptr;
  for (const PlanSegment& segment : plan.segments)
    if (segment.device == device && segment.replica == lane.replica && segment.program_segment == step.segment)
      return &segment;
  return nullptr;
}

// What was measured of the steps that the package's programs have.
template <typename Visit>
void for_each_step(const Plan& plan, const deploy::PackageReport& package,
                   const std::vector<validator::ReportDevice>& devices, std::size_t rank, const Visit& visit) {
  const std::size_t device = package.ranks.ranks[rank].device;
  const std::vector<program::Lane>& lanes = plan.programs.programs[device].lanes;
  for (const validator::ReportStep& measured : devices[rank].steps) {
    if (measured.lane >= lanes.size() || measured.step >= lanes[measured.lane].steps.size()) continue;
    const program::Lane& lane = lanes[measured.lane];
    visit(measured, lane, segment_of(plan, device, lane, lane.steps[measured.step]));
  }
}

// A run that proves its times teaches; the estimates that it is compared with are made without what was taught before.
FeedbackSamples samples_of(const Network& network, const Platform& used, const Plan& plan,
                           const deploy::PackageReport& package, const validator::Measurement& measured) {
  std::vector<MeasuredSegment> segments;
  for (std::size_t rank = 0; rank < measured.devices.size(); ++rank)
    for_each_step(plan, package, measured.devices, rank,
                  [&](const validator::ReportStep& step, const program::Lane&, const PlanSegment* segment) {
                    if (segment != nullptr) segments.push_back({segment, step.median_s});
                  });
  const Platform raw = uncorrected(used);
  return feedback_samples(Estimator(network, raw), plan, segments);
}

class Comparison {
 public:
  Comparison(const Estimator& estimator, const Plan& plan, const Estimate& estimate,
             const deploy::PackageReport& package, const validator::Measurement& measured)
      : estimator_(estimator), plan_(plan), estimate_(estimate), package_(package), measured_(measured) {}

  archive::Validation make() const {
    archive::Validation result;
    result.ok = measured_.ran && measured_.outputs_right;
    result.failure = measured_.exit == ExitCode::mismatch ? "" : measured_.failure;
    result.max_relative_output_error = measured_.max_relative_output_error;
    result.tolerance = tolerance();
    result.frames = static_cast<std::int64_t>(measured_.frames);
    result.latency_estimated_s = estimate_.latency_s;
    result.latency_measured_s = measured_.latency_s;
    result.period_estimated_s = estimate_.period_s;
    result.period_measured_s = measured_.period_s;
    result.memory_estimated_bytes = estimate_.memory_max_bytes;
    result.energy_estimated_j = estimate_.energy_max_j;
    result.oversubscribed = package_.ranks.oversubscribed || !measured_.pinned;
    for (std::size_t rank = 0; rank < measured_.devices.size(); ++rank) add_device(result, rank);
    store_energy(energy(), result);
    return result;
  }

  std::vector<HostEnergy> energy() const {
    std::vector<double> estimated;
    for (std::size_t rank = 0; rank < measured_.devices.size(); ++rank)
      estimated.push_back(estimate_of(estimate_, package_.ranks.ranks[rank].device).energy_j);
    return host_energies(measured_, estimated);
  }

 private:
  double tolerance() const {
    const std::vector<double>& all = package_.golden.tolerance;
    return all.empty() ? 0 : *std::max_element(all.begin(), all.end());
  }

  void add_device(archive::Validation& result, std::size_t rank) const {
    const validator::ReportDevice& measured = measured_.devices[rank];
    const std::size_t device = package_.ranks.ranks[rank].device;
    const DeviceEstimate estimated = estimate_of(estimate_, device);
    result.devices.push_back({measured.device, estimated.busy_s, measured.busy_s, estimated.memory_bytes,
                              measured.memory_bytes, estimated.energy_j, std::nullopt});
    result.memory_measured_bytes = std::max(result.memory_measured_bytes, measured.memory_bytes);
    for_each_step(plan_, package_, measured_.devices, rank,
                  [&](const validator::ReportStep& step, const program::Lane& lane, const PlanSegment* segment) {
                    const double estimated_s = segment != nullptr ? estimator_.segment_seconds(plan_, *segment) : 0;
                    result.steps.push_back({measured.device, step.name, step.kind,
                                            static_cast<std::int64_t>(lane.replica), estimated_s, step.median_s});
                  });
  }

  const Estimator& estimator_;
  const Plan& plan_;
  const Estimate& estimate_;
  const deploy::PackageReport& package_;
  const validator::Measurement& measured_;
};

report::Timeline timeline_of(const Platform& platform, const Plan& plan, const deploy::PackageReport& package,
                             const std::vector<validator::ReportEvent>& trace) {
  std::vector<ScheduledStep> steps;
  for (const validator::ReportEvent& event : trace) {
    const std::size_t device = package.ranks.ranks[event.rank].device;
    const std::vector<program::Lane>& lanes = plan.programs.programs[device].lanes;
    if (event.lane >= lanes.size() || event.step >= lanes[event.lane].steps.size()) continue;
    steps.push_back({device, event.lane, event.step, event.start_s, event.end_s, event.frame});
  }
  return measured_timeline(platform, plan, std::move(steps));
}

nlohmann::ordered_json device_facts(const validator::Measurement& measured) {
  nlohmann::ordered_json devices = nlohmann::ordered_json::array();
  for (const validator::ReportDevice& device : measured.devices)
    devices.push_back({{"device", device.device},
                       {"host", device.host},
                       {"cores", device.cores},
                       {"load_s", device.load_s},
                       {"communication_s", device.communication_s},
                       {"waiting_s", device.waiting_s}});
  return devices;
}

std::string provenance(const validator::Measurement& measured, const validator::MeasureOptions& options,
                       const deploy::PackageReport& package, const ValidationRun& run) {
  const HostFingerprint host = this_host(measured.engine_version);
  return nlohmann::ordered_json{
      {"dse", version_text()},
      {"engine_version", measured.engine_version},
      {"mpi_version", measured.mpi_version},
      {"wait", measured.wait},
      {"link", run.link},
      {"rounds", options.rounds},
      {"pinned", measured.pinned},
      {"oversubscribed", package.ranks.oversubscribed},
      {"host",
       {{"cpu", host.cpu}, {"kernel", host.kernel}, {"cores", host.cores}, {"memory_bytes", host.memory_bytes}}},
      {"energy", to_json(run.energy)},
      {"devices", device_facts(measured)}}
      .dump();
}

std::string link_label(const std::vector<std::string>& replaced) {
  if (replaced.empty()) return "as described by the platform";
  return fmt::format("this machine's own transport instead of {}", fmt::join(replaced, ", "));
}

}  // namespace

ValidationRun validate_mapping(deploy::Reference& reference, const Platform& platform, const Mapping& mapping,
                               const fs::path& package, const validator::MeasureOptions& options) {
  const Plan plan = lower(reference.network(), platform, mapping);
  std::vector<std::string> replaced;
  const Platform used = as_run_locally(platform, replaced);
  const Estimator estimator(reference.network(), used);
  const Estimate estimate = estimator.estimate(plan);
  deploy::PackageOptions package_options;
  package_options.cancelled = options.cancelled;
  const deploy::PackageReport written =
      deploy::write_package(reference, platform, plan, manifest_estimate(platform, estimate), package, package_options);
  const validator::Measurement measured = validator::measure(written.path, options);
  ValidationRun run;
  run.exit = measured.exit;
  run.link = link_label(replaced);
  const Comparison comparison(estimator, plan, estimate, written, measured);
  run.validation = comparison.make();
  run.energy = comparison.energy();
  run.energy_assumed = estimate.energy_assumed;
  if (run.validation.ok && run.validation.failure.empty() && !run.validation.oversubscribed)
    run.samples = samples_of(reference.network(), used, plan, written, measured);
  if (!measured.trace.empty()) run.timeline = timeline_of(used, plan, written, measured.trace);
  run.validation.provenance_json = provenance(measured, options, written, run);
  return run;
}

}  // namespace dse
