// The literature's four strategies over devices that someone names: for each the best mapping of its kind, so that they
// can be compared with each other and with what the search finds. Every named device takes part, with a share in
// proportion to its speed. All are pure functions of their arguments; what does not fit is returned all the same, its
// estimate says what is short.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "estimator/estimate.hpp"
#include "partition/mapping.hpp"

namespace dse {

enum class Strategy { data, sequential, horizontal, vertical };
std::string_view to_string(Strategy strategy);
Strategy strategy_from_string(std::string_view text);  // Error(usage, STRATEGY) with a suggestion

struct PresetOptions {
  std::optional<Split> split;  // horizontal: channels (default) or inputs; vertical: rows (default) or tiles
  std::optional<Halo> halo;    // vertical; both are tried where it is empty
  Wire wire = Wire::full;      // of every stage
  // Mappings that are all estimated rather than sampled.
  std::size_t exhaustive = 400;
};

// Multiply-accumulates a second at which a device computes the whole network by itself, messages left out; networks a
// second where it has no multiply-accumulates.
double device_speed(const Estimator& estimator, std::size_t device);
std::vector<double> device_speeds(const Estimator& estimator);  // of every device of the platform

// Small integers of at least 1 in proportion to `speeds`, of the smallest sum (at most 64) that is within 2 % of every
// proportion, else of the sum that is nearest.
std::vector<std::int64_t> proportional_shares(const std::vector<double>& speeds);

//   data        a replica of the network on every device.
//   sequential  a contiguous stage on every device, cut for the least period, in the best order of the devices (with
//               more than 6 devices: in the order given). All pipelines are estimated where they are few; else those
//               that a dynamic program over the layers finds, and their neighbours.
//   horizontal  one stage, every layer split by channels.
//   vertical    the first layers split by rows, the others on one of the devices: where the prefix ends, how its halo
//               travels and which device goes on are chosen for the least latency, then the least memory. All choices
//               are estimated where they are few, else a sample of the ends with few crossing tensors, refined around
//               the best.
//
// What fits comes before what does not. Throws Error(usage, STRATEGY-DEVICES | STRATEGY-SPLIT) for fewer than two
// devices, more devices than a pipeline can have stages, a device twice, or options of another strategy.
Mapping preset(const Estimator& estimator, Strategy strategy, const std::vector<std::size_t>& devices,
               const PresetOptions& options = {});

}  // namespace dse
