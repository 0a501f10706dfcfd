// Exact best contiguous pipelines by dynamic programming over a chain: seeds for the search, and for the sequential
// preset.
//
// The network is taken as a chain in its stored topological order; at a cut, every tensor that is made before it and
// read at or after it crosses. That is exact for chains, and a good guess at skips and branches: the search evaluates
// what comes out exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "estimator/estimate.hpp"

namespace dse {

struct ChainCosts {
  std::vector<std::vector<double>> seconds;  // [device][layer], all cores
  std::vector<double> crossing_bytes;        // [cut]: before layer `cut`; 0: the inputs, layers: the outputs
  std::vector<double> weight_bytes;          // [layer]
  std::vector<double> room_bytes;            // [device]: memory left for weights
  std::function<double(std::size_t from, std::size_t to, double bytes)> transfer;  // s; 0 where from == to
  std::optional<std::size_t> source;  // empty: each first stage has its own
  std::size_t sink = 0;
};

ChainCosts chain_costs(const Estimator& estimator);

struct ChainResult {
  std::vector<std::uint16_t> layers;  // the device of each layer
  double value = 0;                   // s
};

enum class ChainGoal { period, latency };
enum class ChainDevices { any, every };

// The contiguous pipeline over devices taken in this order (any of them may be left out, or every one has a stage) with
// the least period (the largest of the stages' and the cuts' times) or latency (their sum) among those whose weights
// fit; empty where nothing fits. O(devices² * layers²), with every device O(devices * layers²).
std::optional<ChainResult> best_chain(const ChainCosts& costs, std::span<const std::size_t> order, ChainGoal goal,
                                      ChainDevices devices = ChainDevices::any);

}  // namespace dse
