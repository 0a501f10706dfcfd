#include "validator/measure.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "deploy/verify.hpp"
#include "validator/launch.hpp"

namespace dse::validator {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

namespace {

// Frames enough for each replica to serve more than one.
std::size_t latency_frames(const program::Deployment& deployment) {
  return std::max<std::size_t>(8, 4 * deployment.replicas.size());
}

class Rounds {
 public:
  Rounds(const fs::path& package, const MeasureOptions& options)
      : package_(deploy::read_package(package)), options_(options) {
    const std::size_t frames = options.frames > 0 ? options.frames : frames_for(package_.manifest.estimate.period_s);
    period_frames_ = std::max(frames, latency_frames(package_.programs.deployment));
  }

  Measurement run() {
    // Comparing costs time of the sink: outputs are compared in a run of their own, with everything in flight.
    std::vector<Report> checked;
    if (options_.compare_outputs && !once(check_frames(), 0, {"--check", "--power-sensor", "none"}, checked))
      return result_;
    if (options_.traced_frames > 0 && !trace()) return result_;
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      if (!once(latency_frames(package_.programs.deployment), 2, {"--in-flight", "1", "--power-sensor", "none"},
                latency_))
        return result_;
      if (!once(period_frames_, fill(), power_arguments(), period_)) return result_;
    }
    result_.ran = true;
    result_.outputs_right = result_.exit == ExitCode::done;
    summarise();
    return result_;
  }

 private:
  // Frames until the pipeline is full and caches are warm.
  std::size_t fill() const {
    std::size_t in_flight = 0;
    for (const program::Replica& replica : package_.programs.deployment.replicas) in_flight += replica.frames_in_flight;
    return std::max<std::size_t>(4, 2 * in_flight);
  }

  // Energy is that of the steady state; reading a sensor in other runs would only disturb them.
  std::vector<std::string> power_arguments() const {
    return {"--power-sensor", options_.power_sensor, "--power-root", options_.power_root.string()};
  }

  // Every golden frame at least twice, and each replica's slots more than once.
  std::size_t check_frames() const { return 2 * std::max(package_.manifest.golden.frames.size(), fill()); }

  bool once(std::size_t frames, std::size_t warmup, std::vector<std::string> arguments, std::vector<Report>& reports) {
    arguments.insert(arguments.end(),
                     {"--frames", std::to_string(frames + warmup), "--warmup", std::to_string(warmup)});
    const Outcome outcome = launch({{package_.path},
                                    options_.worker,
                                    std::move(arguments),
                                    run_deadline(package_.manifest, frames + warmup),
                                    options_.cancelled});
    result_.pinned = result_.pinned && outcome.pinned;
    if (outcome.exit != ExitCode::done) {
      result_.exit = outcome.exit;
      result_.failure = outcome.failure;
    }
    if (outcome.exit != ExitCode::done && outcome.exit != ExitCode::mismatch) return false;
    return take(outcome, frames, reports);
  }

  // Keeping every step's time costs some: not in a run whose period counts.
  bool trace() {
    std::vector<Report> traced;
    if (!once(options_.traced_frames, 0, {"--trace", "--power-sensor", "none"}, traced)) return false;
    result_.trace = std::move(traced.front().trace);
    return true;
  }

  bool take(const Outcome& outcome, std::size_t frames, std::vector<Report>& reports) {
    try {
      reports.push_back(parse_reports(outcome.output, package_.programs.deployment.devices).front());
    } catch (const Error& error) {
      if (outcome.exit == ExitCode::mismatch) return false;  // its failure is told already
      result_.exit = error.exit();
      result_.failure = error.what();
      return false;
    }
    if (&reports == &period_) result_.frames += frames;
    result_.max_relative_output_error =
        std::max(result_.max_relative_output_error, reports.back().max_relative_output_error.value_or(0));
    return true;
  }

  void summarise() {
    result_.latency_s = median_of(latency_, [](const Report& report) { return report.latency_s.value_or(0); });
    result_.period_s = median_of(period_, [](const Report& report) { return report.period_s.value_or(0); });
    result_.devices = period_.front().devices;
    for (std::size_t rank = 0; rank < result_.devices.size(); ++rank) summarise(rank);
    result_.engine_version = period_.front().engine_version;
    result_.mpi_version = period_.front().mpi_version;
    result_.wait = period_.front().wait;
  }

  void summarise(std::size_t rank) {
    ReportDevice& device = result_.devices[rank];
    for (double ReportDevice::*figure :
         {&ReportDevice::busy_s, &ReportDevice::communication_s, &ReportDevice::waiting_s, &ReportDevice::load_s})
      device.*figure = median_of(period_, [&](const Report& report) { return report.devices[rank].*figure; });
    for (const std::vector<Report>* reports : {&latency_, &period_})
      for (const Report& report : *reports)
        device.memory_bytes = std::max(device.memory_bytes, report.devices[rank].memory_bytes);
    summarise_energy(rank);
    for (std::size_t step = 0; step < device.steps.size(); ++step)
      device.steps[step].median_s = median_of(period_, [&](const Report& report) {
        const std::vector<ReportStep>& steps = report.devices[rank].steps;
        return step < steps.size() ? steps[step].median_s : 0;
      });
  }

  // Of the rounds that measured it; where none did, the last reason.
  void summarise_energy(std::size_t rank) {
    std::vector<double> joules;
    for (const Report& report : period_) {
      const std::optional<ReportEnergy>& energy = report.devices[rank].energy;
      if (energy && (energy->joules_per_frame || joules.empty())) result_.devices[rank].energy = energy;
      if (energy && energy->joules_per_frame) joules.push_back(*energy->joules_per_frame);
    }
    if (!joules.empty()) result_.devices[rank].energy->joules_per_frame = median(std::move(joules));
  }

  template <typename Figure>
  static double median_of(const std::vector<Report>& reports, Figure figure) {
    std::vector<double> values;
    for (const Report& report : reports) values.push_back(figure(report));
    return median(std::move(values));
  }

  deploy::PackageFacts package_;
  const MeasureOptions& options_;
  std::size_t period_frames_ = 0;
  std::vector<Report> latency_, period_;
  Measurement result_;
};

}  // namespace

std::size_t frames_for(double period_s) {
  constexpr double seconds = 2;
  if (!(period_s > 0)) return 24;
  return static_cast<std::size_t>(std::clamp(std::ceil(seconds / period_s), 24.0, 400.0));
}

std::chrono::milliseconds run_deadline(const program::Manifest& manifest, std::size_t frames) {
  std::uint64_t bytes = 0;
  for (const auto& [path, facts] : manifest.files) bytes += facts.bytes;
  const double start = 120 + static_cast<double>(bytes) / 10e6;
  const double run = manifest.estimate.latency_s +
                     static_cast<double>(frames) * std::max(manifest.estimate.period_s, manifest.estimate.latency_s);
  return std::chrono::milliseconds(static_cast<std::int64_t>(1000 * std::min(start + 20 * run, 7 * 86400.0)));
}

Measurement measure(const fs::path& package, const MeasureOptions& options) { return Rounds(package, options).run(); }

}  // namespace dse::validator
