#include "estimator/part_curve.hpp"

#include <algorithm>

namespace dse {
namespace {

// Means of neighbours that fall, until none does; nothing lies above the whole, which more samples stand behind.
void make_monotone(std::vector<CurvePoint>& points, double whole) {
  struct Pool {
    double sum = 0;
    std::size_t count = 0;
    double mean() const { return sum / static_cast<double>(count); }
  };
  std::vector<Pool> pools;
  for (const CurvePoint& point : points) {
    pools.push_back({std::min(point.seconds, whole), 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      pools[pools.size() - 2].sum += pools.back().sum;
      pools[pools.size() - 2].count += pools.back().count;
      pools.pop_back();
    }
  }
  std::size_t at = 0;
  for (const Pool& pool : pools)
    for (std::size_t i = 0; i < pool.count; ++i) points[at++].seconds = pool.mean();
}

double along(const CurvePoint& a, const CurvePoint& b, double fraction) {
  return a.seconds + (b.seconds - a.seconds) * (fraction - a.fraction) / (b.fraction - a.fraction);
}

}  // namespace

PartAxis part_axis(const Network& network, const Part& part) {
  if (part.work.kind == PartKind::partial) return PartAxis::inputs;
  const Layer& layer = network.layers()[part.layer];
  if (layer.weight_bytes > 0) {
    std::int64_t bytes = 0;
    for (const WeightSlice& slice : part.weights) bytes += slice_size(network, slice);
    return bytes < layer.weight_bytes ? PartAxis::channels : PartAxis::rows;
  }
  for (const ValuePort& port : part.outputs) {
    const Shape& whole = network.tensors()[port.value.index].tensor.shape;
    if (whole.size() > 1 && port.box.hi[1] - port.box.lo[1] < whole[1]) return PartAxis::channels;
  }
  return PartAxis::rows;
}

PartCurve::PartCurve(std::vector<CurvePoint> measured, double whole) : points_(std::move(measured)) {
  if (points_.empty()) return;
  std::sort(points_.begin(), points_.end(),
            [](const CurvePoint& a, const CurvePoint& b) { return a.fraction < b.fraction; });
  // The same fraction twice: the mean.
  std::vector<CurvePoint> distinct;
  for (std::size_t i = 0; i < points_.size();) {
    double sum = 0;
    std::size_t end = i;
    for (; end < points_.size() && points_[end].fraction == points_[i].fraction; ++end) sum += points_[end].seconds;
    distinct.push_back({points_[i].fraction, sum / static_cast<double>(end - i)});
    i = end;
  }
  points_ = std::move(distinct);
  make_monotone(points_, whole);
  points_.push_back({1, whole});
}

double PartCurve::seconds(double fraction) const {
  const auto above = std::lower_bound(points_.begin() + 1, points_.end() - 1, fraction,
                                      [](const CurvePoint& point, double value) { return point.fraction < value; });
  const CurvePoint &low = *(above - 1), &high = *above;
  if (fraction >= low.fraction) return along(low, high, std::min(fraction, 1.0));
  // Towards what the first line leaves at nothing, which a part costs however small it is.
  const double at_zero = std::clamp(along(low, high, 0), 0.0, low.seconds);
  return at_zero + (low.seconds - at_zero) * std::max(fraction, 0.0) / low.fraction;
}

// Between two points, and below the smallest, the quotient is monotone: the least is at a point.
double PartCurve::least_per_fraction() const {
  double least = points_.back().seconds;
  for (const CurvePoint& point : points_) least = std::min(least, point.seconds / point.fraction);
  return least;
}

void PartCurve::scale(double factor) {
  for (CurvePoint& point : points_) point.seconds *= factor;
}

PartCurve part_curve(const DeviceProfile& profile, const std::string& signature, PartAxis axis, int threads,
                     double whole) {
  std::vector<CurvePoint> points;
  for (const PartMeasurement& part : profile.parts)
    if (part.axis == axis && part.threads == threads && part.signature == signature)
      points.push_back({part.fraction, part.seconds});
  return {std::move(points), whole};
}

}  // namespace dse
