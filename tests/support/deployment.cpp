#include "tests/support/deployment.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "deploy/exactness.hpp"
#include "models/submodel.hpp"
#include "runtime/executor.hpp"
#include "runtime/in_process.hpp"

namespace dse::test {
namespace {

class ReferenceSource : public runtime::FrameSource {
 public:
  explicit ReferenceSource(std::vector<std::vector<engine::OwnedTensor>> inputs) : inputs_(std::move(inputs)) {}
  std::span<const std::byte> input(std::size_t frame, std::size_t port) override { return inputs_[frame][port].data; }

 private:
  std::vector<std::vector<engine::OwnedTensor>> inputs_;
};

class Collector : public runtime::FrameSink {
 public:
  explicit Collector(Outcome& outcome) : outcome_(outcome) {}
  void take(std::size_t frame, std::span<const std::span<const std::byte>> outputs) override {
    const std::scoped_lock lock(mutex_);
    std::vector<std::vector<std::byte>> copy;
    for (const auto& output : outputs) copy.emplace_back(output.begin(), output.end());
    outcome_.outputs.at(frame) = std::move(copy);
  }

 private:
  std::mutex mutex_;
  Outcome& outcome_;
};

// Passes everything on, with outgoing messages changed; their copies live until the run ends.
class TamperingTransport : public runtime::Transport {
 public:
  TamperingTransport(runtime::Transport& inner, const Tamper& tamper) : inner_(inner), tamper_(tamper) {}
  std::size_t device() const override { return inner_.device(); }
  void post_send(std::size_t peer, std::size_t tag, std::span<const std::byte> message, runtime::Token token) override {
    kept_.push_back(std::make_unique<std::vector<std::byte>>(message.begin(), message.end()));
    tamper_(tag, *kept_.back());
    inner_.post_send(peer, tag, *kept_.back(), token);
  }
  void post_receive(std::size_t peer, std::size_t tag, std::span<std::byte> target, runtime::Token token) override {
    inner_.post_receive(peer, tag, target, token);
  }
  bool wait(std::vector<runtime::Token>& finished, runtime::Clock::time_point until) override {
    return inner_.wait(finished, until);
  }
  void abort(std::exception_ptr reason) override { inner_.abort(reason); }

 private:
  runtime::Transport& inner_;
  const Tamper& tamper_;
  std::vector<std::unique_ptr<std::vector<std::byte>>> kept_;
};

std::vector<engine::Session> sessions_of(const Network& network, const Plan& plan, const program::Program& program) {
  std::vector<std::optional<engine::Session>> made(program.segments.size());
  for (const PlanSegment& segment : plan.segments) {
    if (plan.programs.programs[segment.device].device != program.device || made[segment.program_segment]) continue;
    const std::string bytes = write_part_model(network, model_request(plan, segment, "segment"));
    made[segment.program_segment] =
        engine::Engine::instance().load(std::as_bytes(std::span(bytes.data(), bytes.size())));
  }
  std::vector<engine::Session> sessions;
  for (auto& session : made) sessions.push_back(std::move(*session));
  return sessions;
}

void run_device(const Network& network, const Plan& plan, const program::Program& program,
                const program::Deployment& deployment, runtime::Transport& transport, runtime::FrameSource& source,
                runtime::FrameSink& sink, std::size_t frames) {
  runtime::SessionRunner runner(program, sessions_of(network, plan, program));
  runtime::ExecutorOptions options;
  options.frames = frames;
  options.deadline_s = 120;
  runtime::execute(program, deployment, runner, transport, source, sink, options);
}

}  // namespace

Platform local_platform(std::size_t devices) {
  std::string text = "dse: platform/1\nname: test\ndevices:\n";
  for (std::size_t d = 0; d < devices; ++d)
    text += "  - {name: d" + std::to_string(d) + ", host: localhost, cores: 1, memory: 64 GiB}\n";
  return parse_platform(text, "test.yaml");
}

Outcome run_in_process(const Network& network, const Platform& platform, const Mapping& mapping,
                       deploy::Reference& reference, std::size_t frames, const Tamper& tamper) {
  std::vector<std::vector<engine::OwnedTensor>> inputs;
  for (std::size_t frame = 0; frame < frames; ++frame) inputs.push_back(reference.inputs(frame));
  return run_in_process(network, platform, mapping, std::move(inputs), tamper);
}

Outcome run_in_process(const Network& network, const Platform& platform, const Mapping& mapping,
                       std::vector<std::vector<engine::OwnedTensor>> inputs, const Tamper& tamper) {
  const std::size_t frames = inputs.size();
  check(mapping, network, platform);
  const Plan plan = lower(network, platform, mapping);
  program::check(plan.programs);
  const program::ProgramSet programs = participating(plan).programs;
  program::check(programs);
  Outcome outcome;
  outcome.outputs.resize(frames);
  outcome.segments = plan.segments.size();
  outcome.transfers = plan.transfers.size();
  for (const Transfer& transfer : plan.transfers) outcome.transferred += transfer.bytes;
  outcome.wire = lossiest_wire(network, plan);
  runtime::InProcessHub hub(programs.programs.size());
  Collector sink(outcome);
  std::vector<std::exception_ptr> failures(programs.programs.size());
  std::vector<std::thread> threads;
  for (std::size_t d = 0; d < programs.programs.size(); ++d) {
    threads.emplace_back([&, d] {
      ReferenceSource source(inputs);
      TamperingTransport tampering(hub.end(d), tamper);
      runtime::Transport& transport = tamper ? tampering : hub.end(d);
      try {
        run_device(network, plan, programs.programs[d], programs.deployment, transport, source, sink, frames);
      } catch (...) {
        failures[d] = std::current_exception();
        transport.abort(failures[d]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  return outcome;
}

Verdict compare(deploy::Reference& reference, const Network& network, const Outcome& outcome) {
  Verdict verdict;
  for (std::size_t frame = 0; frame < outcome.outputs.size(); ++frame) {
    const std::vector<engine::OwnedTensor>& wanted = reference.outputs(frame);
    for (std::size_t port = 0; port < wanted.size(); ++port) {
      const double error =
          deploy::relative_error(wanted[port].tensor, outcome.outputs[frame].at(port), wanted[port].data);
      verdict.worst_error = std::max(verdict.worst_error, error);
      verdict.worst_excess =
          std::max(verdict.worst_excess, error / reference.tolerance_of(network.outputs()[port], outcome.wire));
    }
  }
  return verdict;
}

bool swap_two_slices(const TensorType& tensor, std::vector<std::byte>& message) {
  std::size_t axis = tensor.shape.size() > 1 ? 1 : 0;
  while (axis < tensor.shape.size() && tensor.shape[axis] < 2) ++axis;
  if (axis >= tensor.shape.size()) return false;
  std::size_t slice = element_size(tensor.type) * static_cast<std::size_t>(tensor.shape[axis] / 2);
  for (std::size_t a = axis + 1; a < tensor.shape.size(); ++a) slice *= static_cast<std::size_t>(tensor.shape[a]);
  const auto first = message.begin();
  const auto second = first + static_cast<std::ptrdiff_t>(slice);
  if (std::equal(first, second, second)) return false;
  std::swap_ranges(first, second, second);
  return true;
}

}  // namespace dse::test
