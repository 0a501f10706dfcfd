#include "estimator/class_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace dse {
namespace {

using Place = std::array<double, 5>;

Place place(const KernelMeasurement& kernel) {
  const KernelShape& shape = kernel.shape;
  const double work = kernel.macs / (shape.channels_out * shape.positions_out);
  return {std::log2(shape.channels_in), std::log2(shape.channels_out), std::log2(shape.positions_in),
          std::log2(shape.positions_out), std::log2(std::max(work, 1.0))};
}

}  // namespace

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

Neighbourhood neighbourhood(const ClassModel& model, std::span<const KernelMeasurement* const> measured,
                            const KernelMeasurement& of) {
  constexpr double width = 1;  // an octave of every feature
  constexpr double weight_of_none = 0.3;
  constexpr double largest_log = 0.7;  // twice or half
  if (!of.shape.known()) return {};
  const Place here = place(of);
  double weights = 0, logs = 0;
  for (const KernelMeasurement* kernel : measured) {
    if (!kernel->shape.known()) continue;
    const Place there = place(*kernel);
    double square = 0;
    for (std::size_t i = 0; i < here.size(); ++i) square += (here[i] - there[i]) * (here[i] - there[i]);
    const double weight = std::exp(-square / (2 * width * width));
    const double modelled = roofline_seconds(model, kernel->macs, kernel->bytes);
    if (modelled <= 0) continue;
    weights += weight;
    logs += weight * std::log(kernel->seconds / modelled);
  }
  const double mean = logs / (weights + weight_of_none);
  return {std::exp(std::clamp(mean, -largest_log, largest_log)), weights / (weights + weight_of_none)};
}

}  // namespace dse
