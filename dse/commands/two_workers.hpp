// Two workers on this machine, which calibration runs for what a device by itself does not show.
#pragma once

#include "deploy/reference.hpp"
#include "estimator/estimate.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"
#include "validator/measure.hpp"

namespace dse {

// Two local devices with this profile and so many cores each, and all the memory that anything may ask for.
Platform two_workers(const DeviceProfile& profile, int cores);

// One round of a plan for two workers, without comparing outputs. Throws what deploying and launching throw,
// Error(interrupted), and Error(device, CALIBRATE-WORKER) where the run failed.
validator::Measurement run_two_workers(deploy::Reference& reference, const Platform& workers, const Plan& plan,
                                       const Estimate& estimate, std::size_t frames);

}  // namespace dse
