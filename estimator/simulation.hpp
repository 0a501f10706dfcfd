// Discrete-event simulation of flows under the worker's rule. With one frame of one replica it is the list schedule
// that gives the latency; with many frames it gives the period.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "estimator/flow.hpp"

namespace dse {

struct Span {
  double start = 0, end = 0;
};

struct SimulationResult {
  std::vector<double> finished;   // by frame: when the last of its steps was done
  std::vector<Span> first_frame;  // by step of the flow of frame 0
};

// A step of a frame's flow and when it ran; a message's span is from its start to its arrival.
struct FrameStep {
  std::uint32_t frame = 0, step = 0;
  Span span;
};

// `flow_of_frame`: the index into `flows` of every frame, in the order dealt. A device computes one step at a time: the
// ready step of the oldest frame, then lane, then step, goes first. A message starts when it is ready, its sender's
// sending side and its receiver's receiving side are free (a shared medium is both), in the order of becoming ready. A
// message is noticed later by a receiver that waits, the later the longer it has been doing nothing (FlowStep). A
// frame enters when fewer than the flow's frames_in_flight of its replica are unfinished, and no earlier than the frame
// before it. `compute_factors`: by device, multiply its compute times. `every_step`, where given, receives the steps of
// all frames: most callers want only when frames were finished, and searches simulate often. Without it, frames that
// repeat a state of before (times within 1e-9 of their distance) are not simulated again.
SimulationResult simulate(std::span<const Flow> flows, const Resources& resources, std::size_t devices,
                          std::span<const std::size_t> flow_of_frame, std::span<const double> compute_factors,
                          std::vector<FrameStep>* every_step = nullptr);

// Seconds from the first step's start to the last step's end, nothing else in flight; `spans`, where given, receives
// every step's time.
double one_frame_latency(const Flow& flow, const Resources& resources, std::size_t devices, std::vector<Span>* spans);

}  // namespace dse
