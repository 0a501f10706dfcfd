// What a validated run teaches: by how much the costs of its operator classes were off, kept beside the devices'
// profiles.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "dse/command.hpp"
#include "estimator/estimate.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"

namespace dse {

struct MeasuredSegment {
  const PlanSegment* segment = nullptr;  // of the plan
  double seconds = 0;                    // median of its run step, while frames stream
};

// By device. `raw` estimates without corrections. The engine call and the cuts of a segment are taken as estimated;
// what is left of its measured time is compared with what its layers were estimated at, and each class gets that ratio
// with the weight of its share of the segment's time.
using FeedbackSamples = std::vector<std::vector<CorrectionSample>>;
FeedbackSamples feedback_samples(const Estimator& raw, const Plan& plan, const std::vector<MeasuredSegment>& measured);

// Adds the samples to the corrections beside the devices' profiles, and says so: a line a profile. Left out are devices
// without a profile of their own and profiles of another machine than `here`; a file that cannot be written is a
// warning.
void record_feedback(const Platform& platform, const FeedbackSamples& samples, const HostFingerprint& here,
                     const Console& console);

}  // namespace dse
