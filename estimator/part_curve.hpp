// Seconds of a part of a layer between the parts that were measured.
#pragma once

#include <span>
#include <vector>

#include "partition/plan.hpp"
#include "platform/profile.hpp"

namespace dse {

// The axis along which a part is smaller than its layer; a tile counts as rows. Not for sums of partial results.
PartAxis part_axis(const Network& network, const Part& part);

struct CurvePoint {
  double fraction = 0;  // of the layer's arithmetic
  double seconds = 0;
};

// Piecewise linear through measured fractions of one layer along one axis, the whole included. Measurements that say
// that a smaller part takes longer are noise, or a kernel that suits a shape better: pooled (isotonic regression, pool
// adjacent violators), so that a larger part never costs less. Below the smallest fraction the first line goes on,
// never below 0 at fraction 0 and never falling.
class PartCurve {
 public:
  PartCurve() = default;
  // measured: any order, fractions above 0 and below 1; whole: seconds of fraction 1.
  PartCurve(std::vector<CurvePoint> measured, double whole);

  bool known() const { return !points_.empty(); }
  double smallest() const { return points_.front().fraction; }  // of a known curve
  double seconds(double fraction) const;
  // The least seconds of a part ÷ its fraction, of a known curve.
  double least_per_fraction() const;
  void scale(double factor);

 private:
  std::vector<CurvePoint> points_;  // ascending
};

// Of all measured parts of this signature; unknown where there are none.
PartCurve part_curve(const DeviceProfile& profile, const std::string& signature, PartAxis axis, int threads,
                     double whole);

}  // namespace dse
