// Seconds of every layer on every device with every thread count, looked up once: what the search reads millions of
// times.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "estimator/estimate.hpp"
#include "estimator/part_curve.hpp"

namespace dse {

// The two features of the analytical model (tier 2): seconds = base + work / rate + bytes / bandwidth.
struct LayerFeatures {
  double work = 0;   // multiply-accumulates; for layers that have none, their arithmetic operations
  double bytes = 0;  // touched: inputs + weights + outputs
};
LayerFeatures features(const Network& network, const Layer& layer);

LayerFeatures part_features(const Network& network, const Part& part);  // not of a sum of partial results

// Bytes of a port that the engine lays out anew because of it: what a convolution or a pooling, which compute in a
// blocked layout, read of the port (Port::read) or make for it.
enum class Port { read, made };
double relaid_bytes(const Network& network, const ValuePort& port, Port how);
bool is_relaid(const Network& network, const NetworkTensor& tensor, Port how);

// Tiers by how little they can be trusted: a correction was learnt from runs of an analytical cost.
constexpr int weakness(Tier tier) { return tier == Tier::table ? 0 : tier == Tier::corrected ? 1 : 2; }
constexpr Tier tier_of(int weakness) {
  return weakness == 0 ? Tier::table : weakness == 1 ? Tier::corrected : Tier::analytical;
}

KernelShape kernel_shape(const Network& network, const Layer& layer);

// What an analytical cost may be off by where nothing was cross-validated, and where even the thread count was not
// measured: the spread of a two-coefficient roofline over convolution shapes is 20..30 % (M1 and M2 of the published
// comparisons of layer-wise predictors), a missing thread count up to a factor of two.
inline constexpr double unvalidated_uncertainty = 0.3;
inline constexpr double unmeasured_threads_uncertainty = 0.5;

// The cost of one layer from a profile: the kernel table, else the class model of that thread count, else the layer
// measured with the nearest smaller number of threads (further threads are credited with nothing: thread scaling is
// measured, never extrapolated), else the class model of a smaller number of threads, else the generic device.
LayerCost layer_cost(const Network& network, const Layer& layer, const DeviceProfile& profile, int threads);

// The sum of partial results of a layer that is split by inputs: element-wise work over what it reads and writes.
// `work`: additions.
LayerCost sum_cost(const DeviceProfile& profile, const LayerFeatures& of, int threads);

// The worker's own copy of a region into another buffer: each byte read once and written once.
double copy_seconds(const DeviceProfile& profile, double bytes, int threads);

// The cost of a part of a layer, so that the whole costs what layer_cost() says: what lies between parts along its axis
// that were measured, else between parts as the class' model and the measured kernels like them have it; of layers
// without a known shape or a model, in terms of its features. No term is negative: a larger part never costs less.
struct PartCost {
  double base_seconds = 0, seconds_per_work = 0, seconds_per_byte = 0;
  Tier tier = Tier::analytical;
  double uncertainty = 0;           // of a small part that was not measured
  std::array<PartCurve, 3> curves;  // by PartAxis
  std::array<bool, 3> measured{};   // whether the curve's points were; else they are the class' model's
  double between = 0;               // uncertainty of what lies between measured parts
  double whole_seconds = 0;
  double seconds(const LayerFeatures& of) const {
    return base_seconds + seconds_per_work * of.work + seconds_per_byte * of.bytes;
  }
  const PartCurve& curve(PartAxis axis) const { return curves[static_cast<std::size_t>(axis)]; }
};
// What a layer takes at the least seconds for its work that the whole or any part of it reaches.
double least_seconds(const Layer& layer, const PartCost& cost);
PartCost part_cost(const Network& network, const Layer& layer, const DeviceProfile& profile, int threads);

// layer_cost and part_cost, corrected by what validated runs taught, for all layers, devices and thread counts 1 ..
// cores.
class CostTable {
 public:
  CostTable(const Network& network, const Platform& platform);

  // threads below 1 or above the device's cores are clamped: a program never has them.
  const LayerCost& at(LayerId layer, std::size_t device, int threads) const {
    return costs_[index(layer, device, threads)];
  }
  const PartCost& part_at(LayerId layer, std::size_t device, int threads) const {
    return parts_[index(layer, device, threads)];
  }

 private:
  std::size_t index(LayerId layer, std::size_t device, int threads) const;

  std::size_t layers_ = 0;
  struct Block {
    std::size_t first = 0;
    int threads = 1;
  };
  std::vector<Block> devices_;
  std::vector<LayerCost> costs_;  // [device block][threads - 1][layer]
  std::vector<PartCost> parts_;   // alike
};

}  // namespace dse
