// What one device does for one frame: the contract between those who lower mappings and those who run them.
//
// A deployment has one Program a device (an MPI rank each) and a few facts that all of them share. A Program has a Lane
// for each replica that the device has work in; a Lane holds the steps of one frame of that replica in the global
// topological order. The worker runs any ready step, oldest frame first, then lane order, then step order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/region.hpp"
#include "base/tensor.hpp"
#include "program/wire.hpp"

namespace dse::program {

// Dense row-major memory for one box of one tensor; one copy for each frame slot. Buffers of the same block lie in the
// same memory, one after another.
struct Buffer {
  std::string tensor;  // name in the undivided network
  DataType type = DataType::undefined;
  Box box;  // in the whole tensor's coordinates
  // The first buffer of its block, by index in the lane; nothing: memory of its own.
  std::optional<std::size_t> block = std::nullopt;

  std::int64_t bytes() const { return box.elements() * static_cast<std::int64_t>(element_size(type)); }
};

// A box inside a buffer, in the whole tensor's coordinates.
struct View {
  std::size_t buffer = 0;
  Box box;
};

enum class StepKind {
  input,    // the frame's network input `port` is written into `target`
  receive,  // the message of `transfer` from device `peer` is written into `target` (one view a box of its region)
  run,   // the sub-model `segment` reads `sources` (in its inputs' order) and writes `targets` (in its outputs' order)
  copy,  // the elements of `targets` are copied from `sources`, pairwise, boxes equal
  send,  // `sources`, packed in order and written as `wire` says, go to device `peer` as the message of `transfer`
  output,  // the whole of `sources[0]` leaves as the network's output `port`
};

struct Step {
  StepKind kind = StepKind::run;
  std::string name;          // for traces and messages
  std::size_t port = 0;      // input, output: index of the network's input or output
  std::size_t transfer = 0;  // receive, send: index over the whole deployment; also the MPI tag
  std::size_t peer = 0;      // receive, send: device index
  std::size_t segment = 0;   // run
  std::vector<View> sources;
  std::vector<View> targets;
  // Earlier steps of this lane that must be over (for the same frame); a send is when its memory is free again.
  std::vector<std::size_t> after;
  Wire wire = Wire::full;  // receive, send: how the elements are written
};

// The sub-model of a run step. The views bound to it are contiguous inside their buffers.
struct Segment {
  std::string name;
  std::string model;                // file name inside models/<device>/; empty while nothing is written
  std::vector<std::string> layers;  // what it computes, for people
  std::vector<std::string> inputs;  // port names of the sub-model
  std::vector<std::string> outputs;
};

struct Lane {
  std::size_t replica = 0;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::int64_t slot_bytes() const;  // of one frame slot's memory: the largest buffer of each block
};

struct Program {
  std::string device;              // its name in the platform
  std::size_t index = 0;           // device index of the deployment = MPI rank
  int threads = 1;                 // of the engine's pool
  std::string execution_provider;  // "cpu" unless the platform says otherwise
  std::vector<Segment> segments;   // shared by the lanes
  std::vector<Lane> lanes;
};

struct Port {
  std::string name;
  TensorType tensor;
};

struct Replica {
  std::int64_t share = 1;            // frames are dealt by smooth weighted round-robin
  std::size_t frames_in_flight = 1;  // F: slots of its lanes; the sources wait for a credit from the sink beyond it
  std::vector<std::size_t> sources;  // device indices with input steps
  std::size_t sink = 0;              // the device with its output steps
};

// Facts that all programs of a deployment share.
struct Deployment {
  std::vector<std::string> devices;  // by device index
  std::vector<Port> inputs;          // of the network
  std::vector<Port> outputs;
  std::vector<Replica> replicas;
  std::size_t transfers = 0;  // tags 0 .. transfers-1; the credit of replica r has tag transfers + r
};

struct ProgramSet {
  Deployment deployment;
  std::vector<Program> programs;  // by device index
};

// The replica of each of the first `frames` frames: smooth weighted round-robin over the shares (nginx's algorithm), so
// that every device can tell without asking.
std::vector<std::size_t> deal_frames(const std::vector<Replica>& replicas, std::size_t frames);

// Checks everything that a runner relies on: indices in range, boxes inside buffers, `after` only earlier steps, sends
// and receives that match pairwise in size, every lane's source and sink. Throws Error(bad_input, PROGRAM-...).
void check(const ProgramSet& set);

// True where `box` is one contiguous run of elements inside `outer` (row-major).
bool contiguous_in(const Box& box, const Box& outer);
// Bytes of a send's or receive's message that is packed (or shortened) in memory of its own, of which every frame slot
// has some; 0 where the message is sent from and received into its buffer.
std::int64_t staged_bytes(const Lane& lane, const Step& step);

// JSON, "dse: program/1" for a program, "dse: deployment/1". Readers check structure and ranges: Error(bad_input,
// PROGRAM-JSON).
std::string to_json(const Program& program);
std::string to_json(const Deployment& deployment);
Program program_from_json(const std::string& text, const std::string& path);
Deployment deployment_from_json(const std::string& text, const std::string& path);

}  // namespace dse::program
