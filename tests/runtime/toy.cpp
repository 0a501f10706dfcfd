#include "tests/runtime/toy.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>

#include "base/error.hpp"
#include "runtime/in_process.hpp"

namespace dse::toy {
namespace {

using namespace dse::program;

std::int64_t factor(std::size_t layer) { return layer % 3 == 0 ? 2 : 1; }

std::vector<Box> pieces_of(const Shape& shape, Pieces pieces, std::size_t kind) {
  const Box whole = Box::whole(shape);
  if (pieces == Pieces::whole || kind % 3 == 0) return {whole};
  // Halves along the last axis are strided; along the first they are contiguous.
  const std::size_t axis = kind % 3 == 1 ? shape.size() - 1 : 0;
  Box low = whole, high = whole;
  low.hi[axis] = high.lo[axis] = shape[axis] / 2;
  return kind % 2 == 0 ? std::vector<Box>{high, low} : std::vector<Box>{low, high};
}

std::vector<View> views(std::size_t buffer, const std::vector<Box>& boxes) {
  std::vector<View> result;
  for (const Box& box : boxes) result.push_back({buffer, box});
  return result;
}

// One replica's lanes while they are being made.
class Lowering {
 public:
  Lowering(const Network& network, const ReplicaChoice& choice, std::size_t index, Pieces pieces, ProgramSet& set)
      : network_(network), choice_(choice), pieces_(pieces), set_(set), writer_(set.programs.size()) {
    for (Program& program : set.programs) {
      program.lanes.emplace_back();
      program.lanes.back().replica = index;
    }
  }

  void run() {
    Step input{StepKind::input, "input", 0, 0, 0, 0, {}, {}, {}};
    input.targets = {whole(choice_.source, 0)};
    add(choice_.source, 0, std::move(input));
    for (std::size_t layer = 0; layer < network_.inputs.size(); ++layer) compute(layer);
    for (std::size_t port = 0; port < network_.outputs.size(); ++port) {
      const std::size_t tensor = network_.outputs[port];
      bring(tensor, choice_.sink);
      Step output{
          StepKind::output, fmt::format("output {}", port), port, 0, 0, 0, {whole(choice_.sink, tensor)}, {}, {}};
      output.after = {writer_[choice_.sink].at(tensor)};
      lane(choice_.sink).steps.push_back(std::move(output));
    }
  }

 private:
  Lane& lane(std::size_t device) { return set_.programs[device].lanes.back(); }
  std::size_t home(std::size_t tensor) const { return tensor == 0 ? choice_.source : choice_.device[tensor - 1]; }

  std::size_t buffer(std::size_t device, std::size_t tensor) {
    const std::string name = fmt::format("t{}", tensor);
    auto& buffers = lane(device).buffers;
    for (std::size_t i = 0; i < buffers.size(); ++i)
      if (buffers[i].tensor == name) return i;
    buffers.push_back({name, DataType::int64, Box::whole(network_.shape)});
    return buffers.size() - 1;
  }
  View whole(std::size_t device, std::size_t tensor) { return {buffer(device, tensor), Box::whole(network_.shape)}; }

  void add(std::size_t device, std::size_t tensor, Step step) {
    writer_[device][tensor] = lane(device).steps.size();
    lane(device).steps.push_back(std::move(step));
  }

  void bring(std::size_t tensor, std::size_t device) {
    const std::size_t from = home(tensor);
    if (from == device || writer_[device].contains(tensor)) return;
    const std::size_t transfer = set_.deployment.transfers++;
    const std::vector<Box> boxes = pieces_of(network_.shape, pieces_, transfer);
    Step send{StepKind::send, fmt::format("send t{}", tensor), 0, transfer, device, 0, {}, {}, {}};
    send.sources = views(buffer(from, tensor), boxes);
    send.after = {writer_[from].at(tensor)};
    lane(from).steps.push_back(std::move(send));
    Step receive{StepKind::receive, fmt::format("receive t{}", tensor), 0, transfer, from, 0, {}, {}, {}};
    receive.targets = views(buffer(device, tensor), boxes);
    add(device, tensor, std::move(receive));
  }

  // A second buffer with the tensor's elements, made by a copy step; read instead of the first.
  View through_copy(std::size_t device, std::size_t tensor, std::size_t layer, std::size_t& writer) {
    const std::vector<Box> boxes = pieces_of(network_.shape, pieces_, layer + 1);
    auto& buffers = lane(device).buffers;
    buffers.push_back({fmt::format("copy of t{} for {}", tensor, layer), DataType::int64, Box::whole(network_.shape)});
    const std::size_t copied = buffers.size() - 1;
    Step copy{StepKind::copy,
              fmt::format("copy t{}", tensor),
              0,
              0,
              0,
              0,
              views(buffer(device, tensor), boxes),
              views(copied, boxes),
              {writer}};
    writer = lane(device).steps.size();
    lane(device).steps.push_back(std::move(copy));
    return {copied, Box::whole(network_.shape)};
  }

  void compute(std::size_t layer) {
    const std::size_t device = choice_.device[layer];
    Program& program = set_.programs[device];
    Step run{StepKind::run, fmt::format("layer {}", layer), 0, 0, 0, program.segments.size(), {}, {}, {}};
    Segment segment{std::to_string(layer), "", {}, {}, {"y"}};
    for (const std::size_t tensor : network_.inputs[layer]) {
      bring(tensor, device);
      std::size_t writer = writer_[device].at(tensor);
      const bool copied = pieces_ == Pieces::mixed && layer % 2 == 1;
      run.sources.push_back(copied ? through_copy(device, tensor, layer, writer) : whole(device, tensor));
      run.after.push_back(writer);
      segment.inputs.push_back(fmt::format("x{}", segment.inputs.size()));
    }
    run.targets = {whole(device, layer + 1)};
    program.segments.push_back(std::move(segment));
    add(device, layer + 1, std::move(run));
  }

  const Network& network_;
  const ReplicaChoice& choice_;
  Pieces pieces_;
  ProgramSet& set_;
  std::vector<std::map<std::size_t, std::size_t>> writer_;  // by device: tensor → the step that writes it there
};

std::vector<std::int64_t> numbers(std::span<const std::byte> bytes) {
  std::vector<std::int64_t> result(bytes.size() / sizeof(std::int64_t));
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

}  // namespace

Network chain(std::size_t layers) {
  Network network;
  for (std::size_t layer = 0; layer < layers; ++layer) network.inputs.push_back({layer});
  network.outputs = {layers};
  return network;
}

Network random_network(std::size_t layers, std::mt19937& random) {
  Network network;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    std::vector<std::size_t> inputs{layer};
    const std::size_t more = random() % 3;
    for (std::size_t i = 0; i < more; ++i) {
      const std::size_t tensor = random() % (layer + 1);
      if (std::find(inputs.begin(), inputs.end(), tensor) == inputs.end()) inputs.push_back(tensor);
    }
    if (layer > 0 && random() % 3 == 0) inputs.erase(inputs.begin());
    if (inputs.empty()) inputs.push_back(random() % (layer + 1));
    network.inputs.push_back(inputs);
  }
  network.outputs = {layers};
  if (layers > 2 && random() % 2 == 0) network.outputs.push_back(1 + random() % (layers - 1));
  return network;
}

ProgramSet lower(const Network& network, const std::vector<ReplicaChoice>& replicas, std::size_t devices,
                 Pieces pieces) {
  ProgramSet set;
  const TensorType tensor{DataType::int64, network.shape};
  set.deployment.inputs = {{"x", tensor}};
  for (std::size_t port = 0; port < network.outputs.size(); ++port)
    set.deployment.outputs.push_back({fmt::format("y{}", port), tensor});
  for (std::size_t device = 0; device < devices; ++device) {
    set.deployment.devices.push_back(fmt::format("device{}", device));
    Program program;
    program.device = set.deployment.devices.back();
    program.index = device;
    program.execution_provider = "cpu";
    set.programs.push_back(std::move(program));
  }
  for (std::size_t r = 0; r < replicas.size(); ++r) {
    set.deployment.replicas.push_back(
        {replicas[r].share, replicas[r].in_flight, {replicas[r].source}, replicas[r].sink});
    Lowering(network, replicas[r], r, pieces, set).run();
  }
  for (Program& program : set.programs)
    program.lanes.erase(
        std::remove_if(program.lanes.begin(), program.lanes.end(), [](const Lane& lane) { return lane.steps.empty(); }),
        program.lanes.end());
  return set;
}

std::vector<std::int64_t> input_of(const Network& network, std::size_t frame) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(*element_count(network.shape)));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<std::int64_t>(frame * 1000 + i * i + 7);
  return result;
}

std::vector<std::vector<std::int64_t>> evaluate(const Network& network, std::size_t frame) {
  std::vector<std::vector<std::int64_t>> tensors{input_of(network, frame)};
  for (std::size_t layer = 0; layer < network.inputs.size(); ++layer) {
    std::vector<std::int64_t> result(tensors[0].size(), static_cast<std::int64_t>(layer));
    for (const std::size_t input : network.inputs[layer])
      for (std::size_t i = 0; i < result.size(); ++i) result[i] += factor(layer) * tensors[input][i];
    tensors.push_back(std::move(result));
  }
  return tensors;
}

void Runner::run(std::size_t segment, std::span<const engine::ConstTensorView> inputs,
                 std::span<const engine::TensorView> outputs) {
  const std::size_t layer = std::stoul(program_.segments[segment].name);
  if (before_) before_(layer);
  auto* out = static_cast<std::int64_t*>(outputs[0].data);
  const auto count = static_cast<std::size_t>(outputs[0].tensor.elements());
  std::fill_n(out, count, static_cast<std::int64_t>(layer));
  for (const engine::ConstTensorView& input : inputs) {
    const auto* in = static_cast<const std::int64_t*>(input.data);
    for (std::size_t i = 0; i < count; ++i) out[i] += factor(layer) * in[i];
  }
}

std::span<const std::byte> Source::input(std::size_t frame, std::size_t) {
  frames.push_back(frame);
  current_ = input_of(network_, frame);
  return std::as_bytes(std::span(current_));
}

void Sink::take(std::size_t frame, std::span<const std::span<const std::byte>> tensors) {
  frames.push_back(frame);
  outputs.emplace_back();
  for (const auto& tensor : tensors) outputs.back().push_back(numbers(tensor));
}

std::vector<Outcome> run_all(const Network& network, const ProgramSet& set, const runtime::ExecutorOptions& options,
                             const MakeRunner& make_runner) {
  runtime::InProcessHub hub(set.programs.size());
  std::vector<Outcome> outcomes(set.programs.size());
  std::vector<std::thread> threads;
  for (std::size_t device = 0; device < set.programs.size(); ++device)
    threads.emplace_back([&, device] {
      const Program& program = set.programs[device];
      const auto runner = make_runner ? make_runner(program) : std::make_unique<Runner>(program);
      Source source(network);
      try {
        outcomes[device].report =
            runtime::execute(program, set.deployment, *runner, hub.end(device), source, outcomes[device].sink, options);
      } catch (...) {
        outcomes[device].error = std::current_exception();
      }
      outcomes[device].started = source.frames;
    });
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

void check_outputs(const Network& network, const ProgramSet& set, const std::vector<Outcome>& outcomes,
                   std::size_t frames) {
  const std::vector<std::size_t> dealt = deal_frames(set.deployment.replicas, frames);
  for (std::size_t device = 0; device < outcomes.size(); ++device) {
    const Outcome& outcome = outcomes[device];
    if (outcome.error) std::rethrow_exception(outcome.error);
    std::vector<std::size_t> expected;
    for (std::size_t frame = 0; frame < frames; ++frame)
      if (set.deployment.replicas[dealt[frame]].sink == device) expected.push_back(frame);
    CHECK(outcome.sink.frames == expected);
    for (std::size_t i = 0; i < outcome.sink.frames.size(); ++i) {
      const auto tensors = evaluate(network, outcome.sink.frames[i]);
      for (std::size_t port = 0; port < network.outputs.size(); ++port)
        CHECK(outcome.sink.outputs[i][port] == tensors[network.outputs[port]]);
    }
  }
}

}  // namespace dse::toy
