// Tier 2: what a kernel that was not measured takes, from those of its class that were.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/profile.hpp"

namespace dse {

// base + macs / rate + bytes / bandwidth, s.
double roofline_seconds(const ClassModel& model, double macs, double bytes);

// "normalisation/LRN": the class of a kernel narrowed to its first operator, whose cost may be far from the others'.
std::string narrow_class(std::string_view op_class, std::string_view op_type);
std::string narrow_class(const KernelMeasurement& kernel);  // by its signature
// Whether the model was fitted to kernels like this one.
bool covers(const ClassModel& model, const KernelMeasurement& kernel);

struct Neighbourhood {
  double factor = 1;   // on the class model's seconds
  double support = 0;  // 0: nothing like it was measured; towards 1 the more and the nearer
};

// How far measured kernels like this one are from their class' model: a mean of the logarithms of measured over
// modelled seconds, weighted by a Gaussian kernel over the logarithms of channels, positions and work an output element
// (Nadaraya-Watson), with some weight on none, so that far from all measurements the model stands alone.
Neighbourhood neighbourhood(const ClassModel& model, std::span<const KernelMeasurement* const> measured,
                            const KernelMeasurement& of);

}  // namespace dse
