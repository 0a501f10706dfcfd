#include "runtime/recorder.hpp"

#include <algorithm>

namespace dse::runtime {
namespace {

double median(std::vector<float> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return static_cast<double>(*middle);
  return (static_cast<double>(*std::max_element(values.begin(), middle)) + static_cast<double>(*middle)) / 2;
}

}  // namespace

Recorder::Recorder(const program::Program& program, const ExecutorOptions& options)
    : program_(program),
      warmup_(options.warmup),
      trace_(options.trace),
      trace_events_(options.trace_events),
      epoch_(options.epoch == Clock::time_point{} ? Clock::now() : options.epoch),
      begin_(now()),
      counting_(options.warmup == 0) {
  const std::size_t kept = std::min(options.frames, kept_samples);
  for (const program::Lane& lane : program.lanes) {
    samples_.emplace_back(lane.steps.size());
    for (Samples& samples : samples_.back()) samples.recent.reserve(kept);
  }
  report_.started.reserve(options.frames);
  report_.finished.reserve(options.frames);
}

double Recorder::now() const { return std::chrono::duration<double>(Clock::now() - epoch_).count(); }

void Recorder::work(std::size_t frame, std::size_t lane, std::size_t step, double start, double end) {
  if (frame < warmup_) return;
  counting_ = true;
  const double duration = end - start;
  (program_.lanes[lane].steps[step].kind == program::StepKind::run ? report_.busy_s : report_.communication_s) +=
      duration;
  Samples& samples = samples_[lane][step];
  const auto value = static_cast<float>(duration);
  if (samples.recent.size() < kept_samples)
    samples.recent.push_back(value);
  else
    samples.recent[samples.count % kept_samples] = value;
  ++samples.count;
  samples.total += duration;
}

void Recorder::event(std::size_t frame, std::size_t lane, std::size_t step, double start, double end) {
  if (!trace_) return;
  if (report_.trace.size() < trace_events_)
    report_.trace.push_back({frame, lane, step, start, end});
  else
    ++report_.trace_dropped;
}

RunReport Recorder::report() {
  report_.wall_s = now() - begin_;
  for (std::size_t lane = 0; lane < samples_.size(); ++lane)
    for (std::size_t step = 0; step < samples_[lane].size(); ++step) {
      Samples& samples = samples_[lane][step];
      report_.steps.push_back({lane, step, samples.count, median(std::move(samples.recent)), samples.total});
    }
  return std::move(report_);
}

}  // namespace dse::runtime
