#include "estimator/chain.hpp"

#include <algorithm>
#include <limits>

#include "platform/platform.hpp"

namespace dse {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> crossing(const Network& network) {
  const std::size_t layers = network.layers().size();
  std::vector<double> bytes(layers + 1, 0.0);
  for (const NetworkTensor& tensor : network.tensors()) {
    const std::size_t first = tensor.producer ? *tensor.producer + 1 : 0;
    std::size_t last = tensor.consumers.empty() ? 0 : tensor.consumers.back();
    if (tensor.is_output) last = layers;
    for (std::size_t cut = first; cut <= last; ++cut) bytes[cut] += static_cast<double>(tensor.bytes());
  }
  return bytes;
}

double room_for_weights(const Device& device) {
  const double factor = std::max(device.profile->memory_weight_factor, 0.1);
  return std::max(0.0, (static_cast<double>(device.memory_bytes) - device.profile->memory_base_bytes) / factor);
}

std::vector<double> prefix_sums(const std::vector<double>& values) {
  std::vector<double> sums(values.size() + 1, 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i + 1] = sums[i] + values[i];
  return sums;
}

// A table over (devices of the order already passed, layers already placed, device that holds the last of them).
class Program {
 public:
  Program(const ChainCosts& costs, std::span<const std::size_t> order, ChainGoal goal, ChainDevices devices)
      : costs_(costs),
        order_(order),
        goal_(goal),
        every_(devices == ChainDevices::every),
        layers_(costs.weight_bytes.size()),
        weights_(prefix_sums(costs.weight_bytes)) {
    for (std::size_t device : order) seconds_.push_back(prefix_sums(costs.seconds[device]));
  }

  std::optional<ChainResult> solve() {
    // best_[j][l]: layers [0, l) are placed and the last stage is on order[j].
    best_.assign(order_.size(), std::vector<Cell>(layers_ + 1));
    for (std::size_t j = 0; j < order_.size(); ++j) {
      for (std::size_t last = 1; last <= layers_; ++last) fill(j, last);
    }
    std::size_t end = order_.size();
    double value = infinity;
    for (std::size_t j = every_ ? order_.size() - 1 : 0; j < order_.size(); ++j) {
      const double total =
          join(best_[j][layers_].value, costs_.transfer(order_[j], costs_.sink, costs_.crossing_bytes[layers_]));
      if (total < value) value = total, end = j;
    }
    if (end == order_.size()) return std::nullopt;
    return ChainResult{trace(end), value};
  }

 private:
  struct Cell {
    double value = infinity;
    std::size_t first = 0;     // the last stage's first layer
    std::size_t previous = 0;  // index in the order of the stage before it
  };

  double join(double a, double b) const { return goal_ == ChainGoal::period ? std::max(a, b) : a + b; }

  // Stages [first, last) on order[j], after the best way to place [0, first) on earlier devices.
  void fill(std::size_t j, std::size_t last) {
    Cell& cell = best_[j][last];
    for (std::size_t first = last; first-- > 0;) {
      if (weights_[last] - weights_[first] > costs_.room_bytes[order_[j]]) break;
      const double stage = seconds_[j][last] - seconds_[j][first];
      if (goal_ == ChainGoal::period && stage >= cell.value) break;
      if (first == 0 && (j == 0 || !every_)) offer(cell, join(stage, entry_seconds(j)), 0, j);
      for (std::size_t k = every_ && j > 0 ? j - 1 : 0; first > 0 && k < j; ++k) {
        const double cut = costs_.transfer(order_[k], order_[j], costs_.crossing_bytes[first]);
        offer(cell, join(best_[k][first].value, join(stage, cut)), first, k);
      }
    }
  }
  static void offer(Cell& cell, double value, std::size_t first, std::size_t previous) {
    if (value < cell.value) cell = {value, first, previous};
  }
  double entry_seconds(std::size_t j) const {
    return costs_.source ? costs_.transfer(*costs_.source, order_[j], costs_.crossing_bytes[0]) : 0;
  }
  std::vector<std::uint16_t> trace(std::size_t j) const {
    std::vector<std::uint16_t> layers(layers_);
    for (std::size_t last = layers_; last > 0;) {
      const Cell& cell = best_[j][last];
      for (std::size_t l = cell.first; l < last; ++l) layers[l] = static_cast<std::uint16_t>(order_[j]);
      last = cell.first;
      j = cell.previous;
    }
    return layers;
  }

  const ChainCosts& costs_;
  std::span<const std::size_t> order_;
  ChainGoal goal_;
  bool every_;  // every device has a stage
  std::size_t layers_;
  std::vector<double> weights_;
  std::vector<std::vector<double>> seconds_;
  std::vector<std::vector<Cell>> best_;
};

}  // namespace

ChainCosts chain_costs(const Estimator& estimator) {
  const Network& network = estimator.network();
  const Platform& platform = estimator.platform();
  ChainCosts costs;
  for (std::size_t d = 0; d < platform.devices.size(); ++d) {
    const Device& device = platform.devices[d];
    std::vector<double>& seconds = costs.seconds.emplace_back();
    for (LayerId l = 0; l < network.layers().size(); ++l)
      seconds.push_back(estimator.layer(l, d, device.cores).seconds);
    costs.room_bytes.push_back(room_for_weights(device));
  }
  for (const Layer& layer : network.layers()) costs.weight_bytes.push_back(static_cast<double>(layer.weight_bytes));
  costs.crossing_bytes = crossing(network);
  costs.transfer = [&platform](std::size_t from, std::size_t to, double bytes) {
    if (from == to || bytes <= 0) return 0.0;
    return transfer_seconds(platform.links[platform.link_between(from, to)], from, to,
                            static_cast<std::int64_t>(bytes));
  };
  if (!platform.input_everywhere) costs.source = platform.input;
  costs.sink = platform.output;
  return costs;
}

std::optional<ChainResult> best_chain(const ChainCosts& costs, std::span<const std::size_t> order, ChainGoal goal,
                                      ChainDevices devices) {
  return Program(costs, order, goal, devices).solve();
}

}  // namespace dse
