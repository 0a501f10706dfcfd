#include "estimator/class_model.hpp"

#include <algorithm>
#include <cmath>

namespace dse {

double roofline_seconds(const ClassModel& model, double macs, double bytes) {
  double seconds = model.base_seconds;
  if (model.macs_per_second > 0) seconds += macs / model.macs_per_second;
  if (model.bytes_per_second > 0) seconds += bytes / model.bytes_per_second;
  return seconds;
}

std::string narrow_class(std::string_view op_class, std::string_view op_type) {
  return std::string(op_class) + '/' + std::string(op_type);
}

std::string narrow_class(const KernelMeasurement& kernel) {
  return narrow_class(kernel.op_class,
                      std::string_view(kernel.signature).substr(0, kernel.signature.find_first_of("{(")));
}

bool covers(const ClassModel& model, const KernelMeasurement& kernel) {
  return kernel.threads == model.threads &&
         (kernel.op_class == model.op_class || narrow_class(kernel) == model.op_class);
}

KernelShape part_shape(const KernelShape& whole, PartAxis axis, double fraction, bool depthwise) {
  KernelShape shape = whole;
  switch (axis) {
    case PartAxis::channels:
      shape.channels_out *= fraction;
      if (depthwise) shape.channels_in *= fraction;
      break;
    case PartAxis::inputs:
      shape.channels_in *= fraction;
      break;
    case PartAxis::rows:
      shape.positions_in *= fraction;
      shape.positions_out *= fraction;
      break;
  }
  return shape;
}

KernelMeasurement as_kernel(const PartMeasurement& part, const KernelShape& whole) {
  const bool depthwise = part.op_class == "depthwise_convolution";
  return {part.signature, part.op_class, part.threads,
          part.seconds,   part.spread,   part.samples,
          part.macs,      part.bytes,    part_shape(whole, part.axis, part.fraction, depthwise)};
}

Neighbours::Place Neighbours::place(const KernelMeasurement& kernel) {
  const KernelShape& shape = kernel.shape;
  const double work = kernel.macs / (shape.channels_out * shape.positions_out);
  return {std::log2(shape.channels_in), std::log2(shape.channels_out), std::log2(shape.positions_in),
          std::log2(shape.positions_out), std::log2(std::max(work, 1.0))};
}

Neighbours::Neighbours(const ClassModel& model, std::span<const KernelMeasurement* const> measured) {
  for (const KernelMeasurement* kernel : measured) {
    const double modelled = roofline_seconds(model, kernel->macs, kernel->bytes);
    if (!kernel->shape.known() || modelled <= 0) continue;
    known_.push_back({place(*kernel), std::log(kernel->seconds / modelled)});
  }
}

Neighbourhood Neighbours::of(const KernelMeasurement& kernel) const {
  constexpr double width = 1;  // an octave of every feature
  constexpr double weight_of_none = 0.3;
  constexpr double largest_log = 0.7;  // twice or half
  if (!kernel.shape.known()) return {};
  const Place here = place(kernel);
  double weights = 0, logs = 0;
  for (const Known& there : known_) {
    double square = 0;
    for (std::size_t i = 0; i < here.size(); ++i) square += (here[i] - there.place[i]) * (here[i] - there.place[i]);
    const double weight = std::exp(-square / (2 * width * width));
    weights += weight;
    logs += weight * there.log_ratio;
  }
  const double mean = logs / (weights + weight_of_none);
  return {std::exp(std::clamp(mean, -largest_log, largest_log)), weights / (weights + weight_of_none)};
}

}  // namespace dse
