// Small networks of element-wise sums, and deployments of them made by hand: what the executor must run exactly,
// without an engine.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "runtime/executor.hpp"

namespace dse::toy {

// Tensor 0 is the network input, tensor l + 1 the output of layer l: factor_l × the sum of its inputs + l, in 64-bit
// integers.
struct Network {
  Shape shape{2, 6, 5};
  std::vector<std::vector<std::size_t>> inputs;  // by layer: tensors
  std::vector<std::size_t> outputs;              // tensors
};

Network chain(std::size_t layers);
Network random_network(std::size_t layers, std::mt19937& random);

struct ReplicaChoice {
  std::int64_t share = 1;
  std::size_t in_flight = 2;
  std::size_t source = 0;
  std::size_t sink = 0;
  std::vector<std::size_t> device;  // by layer
};

// How tensors travel: whole and in place, or also in strided pieces and through copies.
enum class Pieces { whole, mixed };

program::ProgramSet lower(const Network& network, const std::vector<ReplicaChoice>& replicas, std::size_t devices,
                          Pieces pieces);

std::vector<std::int64_t> input_of(const Network& network, std::size_t frame);
// By tensor.
std::vector<std::vector<std::int64_t>> evaluate(const Network& network, std::size_t frame);

// Computes the layer that the segment's name gives. `delay` (if any) is called with the layer before it computes.
class Runner : public runtime::SegmentRunner {
 public:
  Runner(const program::Program& program, std::function<void(std::size_t layer)> before = {})
      : program_(program), before_(std::move(before)) {}
  void run(std::size_t segment, std::span<const engine::ConstTensorView> inputs,
           std::span<const engine::TensorView> outputs) override;

 private:
  const program::Program& program_;
  std::function<void(std::size_t)> before_;
};

class Source : public runtime::FrameSource {
 public:
  explicit Source(const Network& network) : network_(network) {}
  std::span<const std::byte> input(std::size_t frame, std::size_t port) override;
  std::vector<std::size_t> frames;

 private:
  const Network& network_;
  std::vector<std::int64_t> current_;
};

// Keeps every frame's outputs in the order they came.
class Sink : public runtime::FrameSink {
 public:
  void take(std::size_t frame, std::span<const std::span<const std::byte>> outputs) override;
  std::vector<std::size_t> frames;
  std::vector<std::vector<std::vector<std::int64_t>>> outputs;  // by arrival and port
};

// What one device made of a run.
struct Outcome {
  runtime::RunReport report;
  std::exception_ptr error;
  Sink sink;
  std::vector<std::size_t> started;
};

using MakeRunner = std::function<std::unique_ptr<runtime::SegmentRunner>(const program::Program&)>;

// Every device on a thread of its own, over the in-process transport.
std::vector<Outcome> run_all(const Network& network, const program::ProgramSet& set,
                             const runtime::ExecutorOptions& options, const MakeRunner& make_runner = {});

// CHECKs that every frame arrived once, in order at each sink, with the right values.
void check_outputs(const Network& network, const program::ProgramSet& set, const std::vector<Outcome>& outcomes,
                   std::size_t frames);

}  // namespace dse::toy
