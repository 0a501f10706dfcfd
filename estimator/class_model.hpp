// Tier 2: what a kernel that was not measured takes, from those of its class that were.
#pragma once

#include <array>
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

// The shape of a part that does this fraction of a layer's work. A part of a depthwise convolution's channels reads no
// more of its input than it writes of its output.
KernelShape part_shape(const KernelShape& whole, PartAxis axis, double fraction, bool depthwise);
// A part is a kernel of another shape. `whole`: the layer's, which may be unknown.
KernelMeasurement as_kernel(const PartMeasurement& part, const KernelShape& whole);

// How far measured kernels like a given one are from their class' model: a mean of the logarithms of measured over
// modelled seconds, weighted by a Gaussian kernel over the logarithms of channels, positions and work an output element
// (Nadaraya-Watson), with some weight on none, so that far from all measurements the model stands alone.
class Neighbours {
 public:
  Neighbours(const ClassModel& model, std::span<const KernelMeasurement* const> measured);
  Neighbourhood of(const KernelMeasurement& kernel) const;

 private:
  using Place = std::array<double, 5>;
  static Place place(const KernelMeasurement& kernel);
  struct Known {
    Place place;
    double log_ratio = 0;  // measured over modelled
  };
  std::vector<Known> known_;
};

}  // namespace dse
