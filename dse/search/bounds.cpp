#include "dse/search/bounds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace dse::search {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

class Bounds {
 public:
  Bounds(const Estimator& estimator, const Space& space)
      : estimator_(estimator), network_(estimator.network()), platform_(estimator.platform()), space_(space) {}

  double value(Objective objective) const {
    switch (objective) {
      case Objective::latency:
        return space_.splits() ? spread(false) : std::max(latency(), spread(false));
      case Objective::period:
        return spread(true);
      case Objective::energy_sum:
        return energy_sum();
      case Objective::energy_max:
        return std::max(energy_sum() / static_cast<double>(platform_.devices.size()), period_bound(joules()));
      case Objective::memory_max:
        return memory_max();
      case Objective::devices:
        return 1;
      case Objective::survivability:
        return -1;
    }
    return 0;
  }

 private:
  // The least of `cost(seconds, threads)` over the device's thread counts and the parts that the layer may be split
  // into.
  template <class Cost>
  double least(LayerId layer, std::size_t device, Cost cost) const {
    double value = infinity;
    for (int choice : space_.threads[device]) {
      const int threads = choice == 0 ? platform_.devices[device].cores : choice;
      value = std::min(value, cost(estimator_.layer(layer, device, threads).seconds, threads));
    }
    // Split stages use all cores.
    const int cores = platform_.devices[device].cores;
    if (space_.splits()) value = std::min(value, cost(estimator_.least_seconds(layer, device, cores), cores));
    return value;
  }
  template <class PerDevice>
  double over_devices(PerDevice value) const {
    double result = infinity;
    for (std::size_t d = 0; d < platform_.devices.size(); ++d) result = std::min(result, value(d));
    return result;
  }

  double latency() const {
    std::vector<double> done(network_.layers().size(), 0.0);
    double longest = 0;
    for (LayerId l = 0; l < done.size(); ++l) {
      for (TensorId input : network_.layers()[l].inputs) {
        const auto producer = network_.tensors()[input].producer;
        if (producer) done[l] = std::max(done[l], done[*producer]);
      }
      done[l] += over_devices([&](std::size_t d) { return least(l, d, [](double seconds, int) { return seconds; }); });
      longest = std::max(longest, done[l]);
    }
    return longest + over_devices([&](std::size_t d) { return platform_.devices[d].profile->run_overhead_seconds; });
  }

  // Every layer spread over the devices in any fractions, while frames follow each other or for one frame alone.
  double spread(bool streaming) const {
    std::vector<std::vector<double>> seconds(platform_.devices.size());
    for (std::size_t d = 0; d < seconds.size(); ++d) {
      const double factor = streaming ? platform_.devices[d].profile->streaming_factor : 1;
      for (LayerId l = 0; l < network_.layers().size(); ++l)
        seconds[d].push_back(factor * least(l, d, [](double s, int) { return s; }));
    }
    return period_bound(seconds);
  }

  // Beyond idling, by device and layer: each layer at its cheapest there.
  std::vector<std::vector<double>> joules() const {
    std::vector<std::vector<double>> result(platform_.devices.size());
    for (std::size_t d = 0; d < result.size(); ++d) {
      const Device& device = platform_.devices[d];
      for (LayerId l = 0; l < network_.layers().size(); ++l)
        result[d].push_back(device.profile->streaming_factor * least(l, d, [&](double seconds, int threads) {
                              return seconds *
                                     (device.power.active_with(threads, device.cores) - device.power.idle_watts);
                            }));
    }
    return result;
  }

  double energy_sum() const {
    const std::vector<std::vector<double>> by_device = joules();
    double joules = 0;
    for (LayerId l = 0; l < network_.layers().size(); ++l)
      joules += over_devices([&](std::size_t d) { return by_device[d][l]; });
    const double standing = over_devices([&](std::size_t d) {
      return std::min(platform_.devices[d].power.idle_watts, platform_.devices[d].power.waiting_watts);
    });
    return joules + std::max(0.0, standing) * spread(true);
  }

  double memory_max() const {
    double weights = 0;
    std::vector<bool> counted(network_.weights().size(), false);
    for (const Layer& layer : network_.layers()) {
      for (WeightId weight : layer.weights) {
        if (!counted[weight]) weights += static_cast<double>(network_.weights()[weight].tensor.bytes());
        counted[weight] = true;
      }
    }
    const auto standing = [&](std::size_t d) {
      return platform_.devices[d].profile->memory_base_bytes + platform_.devices[d].profile->memory_session_bytes;
    };
    const auto room = [&](double memory) {
      double bytes = 0;
      for (std::size_t d = 0; d < platform_.devices.size(); ++d) {
        bytes +=
            std::max(0.0, memory - standing(d)) / std::max(platform_.devices[d].profile->memory_weight_factor, 1e-6);
      }
      return bytes;
    };
    double low = over_devices(standing), high = low + 1;
    while (room(high) < weights) high = low + 2 * (high - low);
    for (int i = 0; i < 100; ++i) (room((low + high) / 2) < weights ? low : high) = (low + high) / 2;
    return low;
  }

  const Estimator& estimator_;
  const Network& network_;
  const Platform& platform_;
  const Space& space_;
};

}  // namespace

double period_bound(const std::vector<std::vector<double>>& seconds) {
  const std::size_t devices = seconds.size(), layers = seconds.front().size();
  std::vector<double> logs(devices);  // of the weights: faster devices start heavier, as they carry more
  for (std::size_t d = 0; d < devices; ++d) {
    logs[d] = -std::log(std::max(std::accumulate(seconds[d].begin(), seconds[d].end(), 0.0), 1e-300));
  }
  double best = 0;
  for (int iteration = 0; iteration < 300; ++iteration) {
    const double largest = *std::max_element(logs.begin(), logs.end());
    std::vector<double> y(devices), load(devices, 0.0);
    double sum = 0, bound = 0;
    for (std::size_t d = 0; d < devices; ++d) sum += y[d] = std::exp(logs[d] - largest);
    for (double& weight : y) weight /= sum;
    for (std::size_t l = 0; l < layers; ++l) {
      std::size_t at = 0;
      for (std::size_t d = 1; d < devices; ++d) {
        if (y[d] * seconds[d][l] < y[at] * seconds[at][l]) at = d;
      }
      bound += y[at] * seconds[at][l];
      load[at] += seconds[at][l];
    }
    best = std::max(best, bound);
    // Devices that get more than their due become dearer.
    const double most = *std::max_element(load.begin(), load.end());
    if (!(most > 0)) break;
    for (std::size_t d = 0; d < devices; ++d) logs[d] += 0.5 / std::sqrt(iteration + 1.0) * load[d] / most;
  }
  return best;
}

std::vector<double> lower_bounds(const Estimator& estimator, const Space& space,
                                 std::span<const Objective> objectives) {
  const Bounds bounds(estimator, space);
  std::vector<double> values;
  for (Objective objective : objectives) values.push_back(bounds.value(objective));
  return values;
}

}  // namespace dse::search
