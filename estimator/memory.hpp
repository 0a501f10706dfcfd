// Peak resident memory of every device's worker (DESIGN section 4, "Memory"): the larger of loading and running.
#pragma once

#include <cstdint>
#include <set>
#include <span>
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

// What a segment holds in memory; a group of whole layers is one too.
struct SegmentMemory {
  std::int64_t parts = 0;
  std::int64_t weight_bytes = 0;  // of its distinct weights
  // Of these, the bytes that the engine copies into a layout of its own while a session is created: convolutions'. The
  // others stay mapped, and are read for the first time by the first frame.
  std::int64_t relaid_bytes = 0;
  std::int64_t folded_bytes = 0;          // of the relaid ones, those that a normalisation is folded into
  std::int64_t largest_relaid_bytes = 0;  // of one part
  // The largest sum of bytes of values that are alive at once while the parts run in their order: a part's inputs and
  // outputs while it runs, inputs of the segment from the start, outputs of the segment to the end.
  std::int64_t live_bytes = 0;
  // What the engine's arena grows to while they run for the first time (Arena): more where values that follow each
  // other grow, as concatenations do.
  std::int64_t arena_bytes = 0;
};

// The engine's arena, which grows by exactly what it is asked for: a value takes the smallest free piece that holds it,
// else a new piece; pieces are never joined.
class Arena {
 public:
  std::int64_t take(std::int64_t bytes);  // the size of the piece
  void give_back(std::int64_t piece) { free_.insert(piece); }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::multiset<std::int64_t> free_;
  std::int64_t bytes_ = 0;
};

// While sessions are created one after another, each holds the copies that the engine made of its convolutions'
// weights; the one that is being created also holds those that normalisations were folded into, and for a moment
// several copies of one convolution's. What these are when their sum is highest.
struct LoadingMemory {
  double sessions = 0, parts = 0, relaid_bytes = 0, folded_bytes = 0, largest_relaid_bytes = 0;
};
LoadingMemory loading_memory(std::span<const SegmentMemory> segments);  // in the order of creation

// What the engine's arena is asked for by segments that run one after another: in the first frame value by value, and
// what is free already is used; later by each segment for one piece, as large as what is live in it at once, which is
// new for a segment that is hungrier than all before it.
struct ArenaDemand {
  double first_bytes = 0;  // arena_bytes of the segment that has most
  double grown_bytes = 0;  // live_bytes of every segment that is hungrier than all before it, in all
  void add(const SegmentMemory& next);

 private:
  double largest_live_ = 0;
};

// Of a device with these segments, in the order of creation, and slots and packed messages of all frames in flight.
DeviceMemory device_memory(const DeviceProfile& profile, std::span<const SegmentMemory> segments, double slot_bytes);

SegmentMemory segment_memory(const Network& network, std::span<const Part* const> parts,
                             std::span<const ValuePort> outputs);
SegmentMemory segment_memory(const Network& network, const std::vector<LayerId>& layers,
                             const std::vector<TensorId>& outputs);

}  // namespace dse
