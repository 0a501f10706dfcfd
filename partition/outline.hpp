// What lower() makes of a mapping, as numbers only: the parts of every sub-model, messages, steps with what they wait
// for, and the memory of a frame. For searches, which ask of a hundred thousand mappings and run few: what is known of
// one layer's parts, or of one value's way between devices, is kept for all mappings that place them alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "partition/plan.hpp"

namespace dse {

// What the caller wants to know of a part, asked once for all mappings that have it.
struct PartNote {
  double seconds = 0;
  double doubt = 0;
  int weakness = 0;
};

// A part without replica and segment.
struct PlacedPart {
  Part part;
  PartNote note;
  std::uint64_t id = 0;  // no other has it
};

struct OutlinePort {
  ValueId value;
  std::int64_t elements = 0;
};

struct OutlineGroup {
  std::size_t device = 0;
  std::size_t first_part = 0, end_part = 0;      // of OutlineReplica::parts
  std::size_t first_input = 0, end_input = 0;    // of OutlineReplica::inputs
  std::size_t first_output = 0, end_output = 0;  // of OutlineReplica::outputs
};

struct OutlineStep {
  enum class Kind : std::uint8_t { instant, run, copy, send };
  Kind kind = Kind::instant;  // instant: input, receive, output
  std::size_t device = 0;
  std::size_t lane = 0, step = 0;  // where it stands in the device's program
  std::size_t index = 0;           // run: group
  std::size_t peer = 0;            // send: the receiving device
  std::int64_t bytes = 0;          // copy, send
};

struct OutlineEdge {
  std::size_t from = 0, to = 0;  // steps
};

struct OutlineReplica {
  std::int64_t share = 1;
  std::size_t frames_in_flight = 1;
  std::vector<const PlacedPart*> parts;  // by group, in each in their order
  std::vector<OutlinePort> inputs, outputs;
  std::vector<OutlineGroup> groups;      // in the order in which they become sub-models
  std::vector<OutlineStep> steps;        // device by device
  std::vector<OutlineEdge> edges;        // who waits for whom, messages from send to receive too; not what only keeps
                                         // memory apart of steps that wait anyway
  std::vector<std::int64_t> slot_bytes;  // by device: of one frame, with what is packed
  std::vector<bool> has_lane;            // by device
};

struct Outline {
  std::vector<OutlineReplica> replicas;
  std::vector<int> threads;  // by device
};

// Thread-safe. What it keeps is bounded: beyond that, things are worked out again every time.
class Outliner {
 public:
  // Both must outlive it. note: of a part and the threads that it computes with.
  Outliner(const Network& network, const Platform& platform, std::function<PartNote(const Part&, int threads)> note);
  ~Outliner();
  Outliner(const Outliner&) = delete;
  Outliner& operator=(const Outliner&) = delete;

  // False, and `into` says nothing, where only lower() knows: a device that computes for two replicas, a thread count
  // given for a split stage, recomputed halos over layers with gaps between them, parts that nobody reads. The mapping
  // must be check()ed. `into` and what it points to are valid until this thread's next call.
  bool outline(const Mapping& mapping, Outline& into) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dse
