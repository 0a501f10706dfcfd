// Calibration: what to measure of a network on a device, and the profile that the measurements make.
//
// A layer timed alone pays the layout changes at its edges and finds its weights in the cache, so that the sum of such
// times is 2..18 % above the network's. Hence the network is cut in several ways - whole, every layer alone, groups of
// a few layers with two offsets - and all of these are run in turn; the seconds of every distinct kernel, of one engine
// call, and of a byte that crosses a cut are what explains all the times together (non-negative least squares on
// relative errors). A further, random way of cutting is measured but not fitted: how well it is predicted is the
// profile's error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "estimator/memory.hpp"
#include "models/network.hpp"
#include "models/rules/needs.hpp"
#include "models/submodel.hpp"
#include "platform/profile.hpp"

namespace dse {

// Contiguous layers of a network, run as one model.
struct CalibrationGroup {
  std::vector<LayerId> layers;
  std::vector<TensorId> inputs, outputs;
  double cut_bytes = 0;  // relaid_bytes() of its ports that are not the network's own inputs or outputs
};

// A part of one layer, run as one model: one of the split shapes that the search may ask for.
struct CalibrationPart {
  LayerId layer = 0;
  PartAxis axis = PartAxis::channels;
  double fraction = 0;  // of the layer's arithmetic
  PartWork work;
  std::vector<ValuePort> inputs, outputs;
  double macs = 0, bytes = 0;  // features
  double edge_bytes = 0;       // as cut_bytes
};

struct CalibrationPlan {
  using Chain = std::vector<CalibrationGroup>;  // together the whole network, in order
  std::vector<Chain> chains;                    // the first is the undivided network, the last is the hold-out
  std::vector<CalibrationPart> parts;
  Chain alone;  // layers that have nothing to do with each other; all their ports are cuts
};

CalibrationPlan plan_calibration(const Network& network);
// Every layer alone, and nothing else.
CalibrationPlan plan_shapes(const Network& network);
// Halves, thirds and quarters by output channels, input channels and rows of the layers that make 90 % of the time.
std::vector<CalibrationPart> plan_parts(const Network& network);

struct GroupTime {
  double seconds = 0;
  double spread = 0;  // relative interquartile range
  int samples = 0;
};

// The times of one network's plan with one number of threads, by chain and group.
struct NetworkTimes {
  const Network* network = nullptr;
  const CalibrationPlan* plan = nullptr;
  int threads = 1;
  std::vector<std::vector<GroupTime>> chains;
  std::vector<GroupTime> parts, alone;  // as the plan's; empty: not measured
};

struct HoldOut {
  int threads = 1;
  std::string network;
  std::vector<double> errors;  // predicted / measured - 1, by group of the hold-out chain
};

// Fills kernels, parts, part_error, classes, run_overhead_seconds, cut_seconds_per_byte and hold_out_error. The cut and
// the engine call are fitted with the largest number of threads, as devices compute unless told otherwise.
// shapes: of plan_shapes(); what they take beside the fitted call and cuts is their kernel's.
std::vector<HoldOut> fit_times(std::span<const NetworkTimes> times, std::span<const NetworkTimes> shapes,
                               DeviceProfile& profile);

// Adds the parts of one network to profile.parts: as much of the layer's kernel (which the profile must hold) as the
// part took of the layer, both alone and without their edges.
void fit_parts(const NetworkTimes& times, DeviceProfile& profile);
// Fills part_error: how far a part is from what its larger and smaller ones say of it.
void judge_parts(DeviceProfile& profile);

// Resident memory of a process that loaded some groups and ran them, beyond that of the engine alone and without the
// probe's own tensors, with what should explain it.
struct MemoryObservation {
  double sessions = 0, parts = 0, weight_bytes = 0;
  ArenaDemand arena;
  LoadingMemory loading;
  double loaded_peak_bytes = 0, run_peak_bytes = 0;  // measured
};
MemoryObservation observe_memory(const Network& network, std::span<const CalibrationGroup> groups);

// Fills memory_session_bytes, memory_part_bytes and the factors, and adds what the engine takes once it has run
// anything to memory_base_bytes: least squares, then raised until every estimate is 2 % above its observation, of
// the whole process.
void fit_memory(std::span<const MemoryObservation> observations, DeviceProfile& profile);

// How much later a message was noticed by a device that had waited for it for so long.
struct WakeObservation {
  double waited_seconds = 0, late_seconds = 0;
};
// Fills wake_share and wake_longest_seconds. observations: by ascending waits, the last so long that more would change
// nothing; those that are late by less than half of that tell the share.
void fit_wakes(std::span<const WakeObservation> observations, LinkProfile& profile);

// Two hosts of a network by name, the lesser first; one twice where two devices are on it.
using HostPair = std::pair<std::string, std::string>;
HostPair host_pair(const std::string& a, const std::string& b);

// Which pairs of hosts to measure: all of few. Of many each host with itself and with the next one, so that every
// network interface is measured twice.
std::vector<HostPair> pairs_to_measure(const std::set<HostPair>& pairs);

// One profile of a network from those of its pairs, of which there is one at least: a table each, and for pairs that
// were not measured the slowest of those between hosts. What a message costs its ends is the most that any pair showed.
LinkProfile merge_pairs(const std::string& name, const std::vector<std::pair<HostPair, LinkProfile>>& measured);

}  // namespace dse
