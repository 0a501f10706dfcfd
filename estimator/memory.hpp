// Peak resident memory of every device's worker (DESIGN section 4, "Memory"): the larger of loading and running.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/plan.hpp"

namespace dse {

struct DeviceMemory {
  double load_bytes = 0;    // sessions are created one after another; the largest one's transient on top
  double run_bytes = 0;     // everything loaded, frame slots, and the activations inside the hungriest segment
  double weight_bytes = 0;  // of its segments, each segment's own
  double peak() const { return load_bytes > run_bytes ? load_bytes : run_bytes; }
};

// By platform device; all zero for a device without work.
std::vector<DeviceMemory> device_memory(const Network& network, const Platform& platform, const Plan& plan);

// The largest sum of bytes of tensors that are alive at once while `layers` (ascending) run in this order: a layer's
// inputs and outputs while it runs, inputs of the group from the start, outputs of the group to the end.
std::int64_t peak_live_bytes(const Network& network, const std::vector<LayerId>& layers);

// Bytes of the distinct weights of the layers.
std::int64_t distinct_weight_bytes(const Network& network, const std::vector<LayerId>& layers);

// Of these, the bytes that the engine copies into a layout of its own while a session is created: convolutions'. The
// others stay mapped, and are read for the first time by the first frame.
std::int64_t relaid_weight_bytes(const Network& network, const std::vector<LayerId>& layers);

}  // namespace dse
