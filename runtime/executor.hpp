// Runs one device's Program for a number of frames: the executor that ships, over any Transport.
//
// Frames are dealt to replicas by program::deal_frames. A lane has F slots; the frame with ordinal o of its replica
// lives in slot o mod F. A slot's receives are posted as soon as its last frame is done, any ready step runs, oldest
// frame first, then lane, then step, and sends never block. Sources start ordinal o + F of a replica only once the sink
// has let ordinal o go.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "program/program.hpp"
#include "runtime/transport.hpp"

namespace dse::runtime {

// Where the network's inputs come from. Called on the executor's thread.
class FrameSource {
 public:
  FrameSource() = default;
  virtual ~FrameSource() = default;
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;
  // The whole input `port` of frame `frame`, dense; valid until the next call. Frames come in the order in which they
  // start here.
  virtual std::span<const std::byte> input(std::size_t frame, std::size_t port) = 0;
};

// Where the network's outputs go. Called on the executor's thread, in frame order.
class FrameSink {
 public:
  FrameSink() = default;
  virtual ~FrameSink() = default;
  FrameSink(const FrameSink&) = delete;
  FrameSink& operator=(const FrameSink&) = delete;
  // All outputs of one frame, by port; valid during the call.
  virtual void take(std::size_t frame, std::span<const std::span<const std::byte>> outputs) = 0;
};

// What computes a segment. The executor's only view of the engine.
class SegmentRunner {
 public:
  SegmentRunner() = default;
  virtual ~SegmentRunner() = default;
  SegmentRunner(const SegmentRunner&) = delete;
  SegmentRunner& operator=(const SegmentRunner&) = delete;
  virtual void run(std::size_t segment, std::span<const engine::ConstTensorView> inputs,
                   std::span<const engine::TensorView> outputs) = 0;
};

// One engine session a segment.
class SessionRunner : public SegmentRunner {
 public:
  // Throws Error(bad_input, RUNTIME-SESSION) where a session's ports differ in number, type or shape from what the
  // program's run steps bind to them, by position.
  SessionRunner(const program::Program& program, std::vector<engine::Session> sessions);
  void run(std::size_t segment, std::span<const engine::ConstTensorView> inputs,
           std::span<const engine::TensorView> outputs) override;

 private:
  std::vector<engine::Session> sessions_;
};

// A step that has just finished: what an observer may look at.
struct FinishedStep {
  std::size_t frame = 0;
  const program::Lane* lane = nullptr;
  std::size_t step = 0;
  std::function<const std::byte*(std::size_t buffer)> buffer;  // first byte of a buffer of the lane
};

struct ExecutorOptions {
  std::size_t frames = 1;               // of the whole deployment, over all replicas; the same on every device
  std::size_t in_flight = 0;            // F of every replica, 0: as the deployment says; the same on every device
  std::size_t warmup = 0;               // the first frames, left out of all figures but frame times and the trace
  bool trace = false;                   // keep an event for each step
  std::size_t trace_events = 1u << 18;  // at most; later ones are counted but not kept
  double deadline_s = 0;                // longest time in which no frame finishes; 0: none
  double expected_period_s = 0;         // lengthens the deadline of a device whose replica is dealt frames rarely
  Clock::time_point epoch{};            // zero of all times; default: when execute() is called
  const std::atomic<bool>* cancelled = nullptr;           // looked at every 50 ms at least, between steps
  std::atomic<std::uint64_t>* finished_frames = nullptr;  // counts up as this device is done with a frame
  std::function<void(const FinishedStep&)> observer;      // receive and run steps
  std::function<void()> warm;  // once, before this device begins its first frame after the warm-up
};

struct StepTimes {
  std::size_t lane = 0;
  std::size_t step = 0;
  std::size_t count = 0;
  double median_s = 0;  // run, copy, input, output: duration; send, receive: packing and posting, not the wire
  double total_s = 0;
};

struct TraceEvent {
  std::size_t frame = 0;
  std::size_t lane = 0;
  std::size_t step = 0;
  double start_s = 0;  // since the epoch; a receive: from its posting
  double end_s = 0;    // a receive: its arrival; a send: its memory is free again
};

struct FrameTime {
  std::size_t frame = 0;
  double time_s = 0;  // since the epoch
};

struct RunReport {
  std::size_t frames = 0;      // that this device took part in, without warm-up
  double wall_s = 0;           // of the whole call
  double busy_s = 0;           // in run steps, without warm-up, all frames together
  double communication_s = 0;  // in copy, send, receive, input and output steps on this thread
  double waiting_s = 0;        // until there was something to do
  std::vector<StepTimes> steps;
  std::vector<FrameTime> started;   // first input step of each frame that starts here
  std::vector<FrameTime> finished;  // last output step of each frame that ends here
  std::vector<TraceEvent> trace;
  std::size_t trace_dropped = 0;
};

// The progress deadline as it applies to one device: longer where frames reach it rarely. 0 where there is none.
double local_deadline(const program::Program& program, const program::Deployment& deployment,
                      const ExecutorOptions& options);

// Runs all frames; `program` and `deployment` have passed program::check. Returns when every step of this device is
// done for every frame. Throws Error: of a step (its place names device, frame and step), (deadline, RUNTIME-DEADLINE),
// (interrupted, RUNTIME-CANCELLED), or what the transport reports; the transport has then been told to abort.
RunReport execute(const program::Program& program, const program::Deployment& deployment, SegmentRunner& runner,
                  Transport& transport, FrameSource& source, FrameSink& sink, const ExecutorOptions& options);

}  // namespace dse::runtime
