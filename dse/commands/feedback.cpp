#include "dse/commands/feedback.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "platform/fingerprint.hpp"

namespace dse {
namespace {

// A step that is further off was disturbed, or is nearly all engine call: its ratio says little, and must not say much.
constexpr double largest_ratio = 10;

// As the estimator charges it: a sum of partial results is element-wise work.
OperatorClass class_of(const Network& network, const Part& part) {
  return part.work.kind == PartKind::reduce ? OperatorClass::elementwise : network.layers()[part.layer].op_class;
}

double log_ratio(double measured, double estimated) {
  const double ratio = std::clamp(measured / estimated, 1 / largest_ratio, largest_ratio);
  return std::log(ratio);
}

// Devices that share a profile teach it together.
struct Lesson {
  const DeviceProfile* profile = nullptr;
  std::vector<std::string> devices;
  std::vector<CorrectionSample> samples;
};

std::vector<Lesson> lessons(const Platform& platform, const FeedbackSamples& samples, const HostFingerprint& here) {
  std::vector<Lesson> result;
  for (std::size_t d = 0; d < samples.size(); ++d) {
    const Device& device = platform.devices[d];
    if (samples[d].empty() || device.profile->file.empty() || !foreign_host(device, here).empty()) continue;
    auto lesson = std::find_if(result.begin(), result.end(),
                               [&](const Lesson& one) { return one.profile == device.profile.get(); });
    if (lesson == result.end()) lesson = result.insert(lesson, Lesson{device.profile.get(), {}, {}});
    lesson->devices.push_back(device.name);
    lesson->samples.insert(lesson->samples.end(), samples[d].begin(), samples[d].end());
  }
  return result;
}

// Of the classes that the run says most of; --show has them all.
constexpr std::size_t told_classes = 3;

// "nano0: correction of convolution (2 threads) now x1.08 from 12 samples, gemm (2 threads) x0.97 from 3"
std::string told(const Lesson& lesson, const Corrections& now) {
  std::map<const Correction*, double> weights;
  for (const CorrectionSample& sample : lesson.samples)
    weights[now.find(sample.op_class, sample.threads)] += sample.weight;
  std::vector<std::pair<const Correction*, double>> heaviest(weights.begin(), weights.end());
  std::sort(heaviest.begin(), heaviest.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text = fmt::format("{}: correction of", fmt::join(lesson.devices, ", "));
  for (std::size_t i = 0; i < std::min(heaviest.size(), told_classes); ++i) {
    const Correction& of = *heaviest[i].first;
    text +=
        fmt::format("{} {} ({} thread{}) {}x{:.2f} from {:.3g}{}", i == 0 ? "" : ",", of.op_class, of.threads,
                    of.threads == 1 ? "" : "s", i == 0 ? "now " : "", of.factor(), of.count, i == 0 ? " samples" : "");
  }
  if (heaviest.size() > told_classes) text += fmt::format(", and {} more", heaviest.size() - told_classes);
  return text;
}

}  // namespace

FeedbackSamples feedback_samples(const Estimator& raw, const Plan& plan, const std::vector<MeasuredSegment>& measured) {
  const Platform& platform = raw.platform();
  FeedbackSamples samples(platform.devices.size());
  for (const MeasuredSegment& of : measured) {
    std::map<OperatorClass, double> seconds;
    double layers = 0;
    for (const PartId id : of.segment->parts) {
      const double part = raw.part(plan, plan.parts[id]).seconds;
      seconds[class_of(raw.network(), plan.parts[id])] += part;
      layers += part;
    }
    if (!(layers > 0) || !(of.seconds > 0)) continue;
    const std::size_t device = of.segment->device;
    const double whole = raw.segment_seconds(plan, *of.segment);
    const double alone = of.seconds / platform.devices[device].profile->streaming_factor;
    const double ratio = log_ratio(alone - (whole - layers), layers);
    for (const auto& [op_class, share] : seconds)
      if (share > 0)
        samples[device].push_back(
            {std::string(to_string(op_class)), plan.programs.programs[device].threads, ratio, share / whole});
  }
  return samples;
}

void record_feedback(const Platform& platform, const FeedbackSamples& samples, const HostFingerprint& here,
                     const Console& console) {
  for (const Lesson& lesson : lessons(platform, samples, here)) {
    try {
      console.note(told(lesson, update_corrections(lesson.profile->file, lesson.profile->sha256, lesson.samples)));
    } catch (const Error& error) {
      console.warn(
          fmt::format("{}: what was measured is not learnt: {}", fmt::join(lesson.devices, ", "), error.what()));
    }
  }
}

}  // namespace dse
