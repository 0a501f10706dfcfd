#include "runtime/executor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <queue>

#include "base/error.hpp"
#include "runtime/executor_state.hpp"
#include "runtime/output_order.hpp"
#include "runtime/recorder.hpp"

namespace dse::runtime {
namespace {

using program::Deployment;
using program::Lane;
using program::Program;
using program::Step;
using program::StepKind;
using namespace execution;

constexpr std::array<std::byte, 1> credit_message{};

class Executor {
 public:
  Executor(const Program& program, const Deployment& deployment, SegmentRunner& runner, Transport& transport,
           FrameSource& source, FrameSink& sink, const ExecutorOptions& options)
      : program_(program),
        deployment_(deployment),
        runner_(runner),
        transport_(transport),
        source_(source),
        options_(options),
        deadline_(local_deadline(program, deployment, options)),
        recorder_(program, options),
        order_(sink, deal(), capacity()) {}

  RunReport run() {
    last_progress_ = Clock::now();
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      post_credits(lane);
      open_frames(lane);
    }
    while (!all_done()) {
      check_cancelled();
      if (ready_.empty()) {
        idle();
        continue;
      }
      collect(Clock::time_point{});
      issue_next();
    }
    return recorder_.report();
  }

 private:
  // Makes the lanes, deals the frames to them, and returns those that end here.
  std::vector<std::size_t> deal() {
    lanes_.reserve(program_.lanes.size());
    for (std::size_t lane = 0; lane < program_.lanes.size(); ++lane)
      lanes_.emplace_back(program_, lane, deployment_, slots(program_.lanes[lane]));
    const std::vector<std::size_t> dealt = program::deal_frames(deployment_.replicas, options_.frames);
    std::vector<std::size_t> ending;
    for (std::size_t frame = 0; frame < dealt.size(); ++frame)
      for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
        if (program_.lanes[lane].replica != dealt[frame]) continue;
        lanes_[lane].frames.push_back(frame);
        if (lanes_[lane].is_sink) ending.push_back(frame);
      }
    for (LaneState& lane : lanes_)
      lane.startable = lane.needs_credit ? std::min(lane.instances.size(), lane.frames.size()) : lane.frames.size();
    return ending;
  }

  std::size_t slots(const Lane& lane) const {
    return options_.in_flight != 0 ? options_.in_flight : deployment_.replicas[lane.replica].frames_in_flight;
  }

  std::size_t capacity() const {
    std::size_t total = 0;
    for (const LaneState& lane : lanes_)
      if (lane.is_sink) total += lane.instances.size();
    return lanes_.size() > 1 ? total : 0;
  }

  bool all_done() const {
    return credits_on_their_way_ == 0 && std::all_of(lanes_.begin(), lanes_.end(), [](const LaneState& lane) {
             return lane.finished == lane.frames.size();
           });
  }

  void check_cancelled() const {
    if (options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed))
      throw Error(ExitCode::interrupted, "RUNTIME-CANCELLED", {"device '" + printable(program_.device, 60) + "'"},
                  "was told to stop");
  }

  void idle() {
    const Clock::time_point before = Clock::now();
    const double left = deadline_ - std::chrono::duration<double>(before - last_progress_).count();
    double patience = deadline_ > 0 ? std::max(left, 0.0) : 3600;
    if (options_.cancelled != nullptr) patience = std::min(patience, 0.05);
    collect(before + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(patience)));
    recorder_.waited(std::chrono::duration<double>(Clock::now() - before).count());
    if (deadline_ > 0 && left <= 0 && finished_.empty())
      throw Error(ExitCode::deadline, "RUNTIME-DEADLINE", {place()}, late());
  }

  std::string place() const { return "device '" + printable(program_.device, 60) + "'"; }

  // Says what the oldest frame here is waiting for.
  std::string late() const {
    std::string text = fmt::format("no frame was finished within {:.3g} s", deadline_);
    const Instance* oldest = nullptr;
    std::size_t lane = 0;
    for (std::size_t i = 0; i < lanes_.size(); ++i)
      for (const Instance& instance : lanes_[i].instances)
        if (instance.open && (oldest == nullptr || instance.frame < oldest->frame)) {
          oldest = &instance;
          lane = i;
        }
    if (oldest == nullptr) return text;
    const auto& steps = program_.lanes[lane].steps;
    for (std::size_t step = 0; step < steps.size(); ++step)
      if (steps[step].kind == StepKind::receive && oldest->issued[step] == posted)
        return text + fmt::format("; frame {} waits for '{}' from device '{}'", oldest->frame,
                                  printable(steps[step].name, 60),
                                  printable(deployment_.devices[steps[step].peer], 60));
    return text + fmt::format("; frame {} is not done", oldest->frame);
  }

  // ---- slots

  void open_frames(std::size_t lane_index) {
    LaneState& lane = lanes_[lane_index];
    while (lane.opened < lane.frames.size() && !lane.instance(lane.opened).open) open(lane_index, lane.opened++);
  }

  void open(std::size_t lane_index, std::size_t ordinal) {
    LaneState& lane = lanes_[lane_index];
    const std::vector<Step>& steps = lane.layout.lane->steps;
    Instance& instance = lane.instance(ordinal);
    const Instance* before = ordinal > 0 ? &lane.instance(ordinal - 1) : nullptr;
    if (before == &instance || (before != nullptr && !before->open)) before = nullptr;
    instance.open = true;
    instance.ordinal = ordinal;
    instance.frame = lane.frames[ordinal];
    instance.steps_left = steps.size();
    instance.outputs_left = lane.layout.outputs;
    instance.outputs.resize(lane.layout.outputs);
    instance.started = false;
    instance.delivered = lane.layout.outputs == 0;
    std::fill(instance.issued.begin(), instance.issued.end(), not_issued);
    for (std::size_t step = 0; step < steps.size(); ++step) {
      std::size_t& waiting = instance.waiting[step];
      waiting = steps[step].after.size();
      // The same step of the frame before goes first: this keeps the messages of a transfer in frame order.
      if (before != nullptr && before->issued[step] == not_issued) ++waiting;
      if (steps[step].kind == StepKind::input && ordinal >= lane.startable) ++waiting;
    }
    for (std::size_t step = 0; step < steps.size(); ++step)
      if (instance.waiting[step] == 0 && steps[step].kind == StepKind::receive) issue(lane_index, instance, step);
    for (std::size_t step = 0; step < steps.size(); ++step)
      if (instance.waiting[step] == 0 && steps[step].kind != StepKind::receive)
        ready_.push({instance.frame, lane_index, step});
    if (steps.empty()) close_if_done(lane_index, instance);
  }

  void close_if_done(std::size_t lane_index, Instance& instance) {
    if (!instance.open || instance.steps_left != 0 || !instance.delivered) return;
    LaneState& lane = lanes_[lane_index];
    instance.open = false;
    ++lane.finished;
    last_progress_ = Clock::now();
    recorder_.done(instance.frame);
    if (options_.finished_frames != nullptr) options_.finished_frames->fetch_add(1, std::memory_order_relaxed);
  }

  // ---- steps

  static constexpr char not_issued = 0;
  static constexpr char posted = 1;  // a receive whose message has not come, a send whose memory is in use
  static constexpr char done = 2;

  static bool waits_for_peer(StepKind kind) { return kind == StepKind::receive || kind == StepKind::send; }

  Instance& find(const ReadyStep& ready) {
    LaneState& lane = lanes_[ready.lane];
    for (Instance& instance : lane.instances)
      if (instance.open && instance.frame == ready.frame) return instance;
    throw Error(ExitCode::internal, "RUNTIME-READY", {place()}, "a ready step belongs to no frame");
  }

  void issue_next() {
    const ReadyStep next = ready_.top();
    ready_.pop();
    issue(next.lane, find(next), next.step);
    open_frames(next.lane);
  }

  // A message is posted at once: a peer may be waiting for it, or it may be on its way.
  void one_less(std::size_t lane, Instance& instance, std::size_t step) {
    if (--instance.waiting[step] != 0) return;
    if (waits_for_peer(lanes_[lane].layout.lane->steps[step].kind))
      issue(lane, instance, step);
    else
      ready_.push({instance.frame, lane, step});
  }

  void tell_warm() {
    if (warm_) return;
    warm_ = true;
    if (options_.warm) options_.warm();
  }

  void issue(std::size_t lane_index, Instance& instance, std::size_t step) try {
    LaneState& lane = lanes_[lane_index];
    const StepKind kind = lane.layout.lane->steps[step].kind;
    // Receives are posted frames ahead.
    if (kind != StepKind::receive && instance.frame >= options_.warmup) tell_warm();
    const double start = recorder_.now();
    perform(lane_index, instance, step);
    const double end = recorder_.now();
    instance.since[step] = start;
    instance.issued[step] = posted;
    recorder_.work(instance.frame, lane_index, step, start, end);
    if (!waits_for_peer(kind)) recorder_.event(instance.frame, lane_index, step, start, end);
    // A frame that was opened while this one had not issued the step waits for it.
    if (instance.ordinal + 1 < lane.opened) {
      Instance& next = lane.instance(instance.ordinal + 1);
      if (&next != &instance && next.open) one_less(lane_index, next, step);
    }
    if (!waits_for_peer(kind)) complete(lane_index, instance, step);
  } catch (...) {
    rethrow_at(instance, lanes_[lane_index].layout.lane->steps[step]);
  }

  void perform(std::size_t lane_index, Instance& instance, std::size_t step_index) {
    LaneState& lane = lanes_[lane_index];
    const Step& step = lane.layout.lane->steps[step_index];
    const StepBinding& binding = instance.slot.binding(step_index);
    const auto slot = static_cast<std::size_t>(&instance - lane.instances.data());
    const Token token = Ticket{Operation::step, lane_index, slot, step_index}.token();
    switch (step.kind) {
      case StepKind::input:
        return input(instance, step_index, step.port);
      case StepKind::receive:
        return transport_.post_receive(step.peer, step.transfer, binding.message, token);
      case StepKind::run:
        return runner_.run(step.segment, binding.inputs, binding.outputs);
      case StepKind::copy:
        return instance.slot.copy(step_index);
      case StepKind::send:
        instance.slot.pack(step_index);
        return transport_.post_send(step.peer, step.transfer, binding.message, token);
      case StepKind::output:
        instance.outputs[step.port] = binding.message;
        --instance.outputs_left;
        return;
    }
  }

  void input(Instance& instance, std::size_t step, std::size_t port) {
    if (!instance.started) recorder_.started(instance.frame, recorder_.now());
    instance.started = true;
    const std::span<const std::byte> whole = source_.input(instance.frame, port);
    const std::int64_t expected = deployment_.inputs[port].tensor.bytes();
    if (static_cast<std::int64_t>(whole.size()) != expected)
      throw Error(ExitCode::bad_input, "RUNTIME-INPUT",
                  fmt::format("the frame has {} bytes, the network's input has {}", whole.size(), expected));
    instance.slot.fill(step, whole);
  }

  // The step's effects are there: what waits for it within the frame may go on.
  void complete(std::size_t lane_index, Instance& instance, std::size_t step) {
    LaneState& lane = lanes_[lane_index];
    instance.issued[step] = done;
    const StepKind kind = lane.layout.lane->steps[step].kind;
    if (options_.observer && (kind == StepKind::receive || kind == StepKind::run))
      options_.observer(
          {instance.frame, lane.layout.lane, step, [&](std::size_t buffer) { return instance.slot.buffer(buffer); }});
    for (const std::size_t later : lane.layout.successors[step]) one_less(lane_index, instance, later);
    --instance.steps_left;
    if (kind != StepKind::output || instance.outputs_left != 0) return close_if_done(lane_index, instance);
    recorder_.finished(instance.frame, recorder_.now());
    deliver(lane_index, instance);
  }

  // ---- outputs and credits

  void deliver(std::size_t lane_index, Instance& instance) {
    if (!order_.offer(instance.frame, instance.outputs)) {
      held_.push_back({instance.frame, lane_index, 0});
      return;
    }
    left(lane_index, instance);
    // A delivery may have made room, or it may be another frame's turn.
    while (!held_.empty()) {
      std::sort(held_.begin(), held_.end(), [](const ReadyStep& a, const ReadyStep& b) { return b > a; });
      Instance& oldest = find(held_.front());
      if (!order_.offer(oldest.frame, oldest.outputs)) break;
      const std::size_t lane = held_.front().lane;
      held_.erase(held_.begin());
      left(lane, oldest);
    }
  }

  // The slot's next receives are posted before the credit that lets their messages come.
  void left(std::size_t lane_index, Instance& instance) {
    const std::size_t ordinal = instance.ordinal;
    instance.delivered = true;
    close_if_done(lane_index, instance);
    open_frames(lane_index);
    give_credit(lane_index, ordinal);
  }

  void give_credit(std::size_t lane_index, std::size_t ordinal) {
    const LaneState& lane = lanes_[lane_index];
    if (ordinal + lane.instances.size() >= lane.frames.size()) return;
    for (const std::size_t source : lane.replica->sources) {
      if (source == program_.index) continue;
      ++credits_on_their_way_;
      transport_.post_send(source, credit_tag(lane_index), credit_message,
                           Ticket{Operation::credit_sent, lane_index, 0, 0}.token());
    }
  }

  std::size_t credit_tag(std::size_t lane) const { return deployment_.transfers + program_.lanes[lane].replica; }

  void post_credits(std::size_t lane_index) {
    LaneState& lane = lanes_[lane_index];
    if (!lane.needs_credit) return;
    const std::size_t total = lane.frames.size() - std::min(lane.frames.size(), lane.instances.size());
    const std::size_t got = lane.startable - std::min(lane.frames.size(), lane.instances.size());
    while (lane.credits_posted < total && lane.credits_posted < got + lane.instances.size()) {
      const std::size_t place = lane.credits_posted++ % lane.credit_memory.size();
      transport_.post_receive(lane.replica->sink, credit_tag(lane_index), {&lane.credit_memory[place], 1},
                              Ticket{Operation::credit_received, lane_index, 0, 0}.token());
    }
  }

  void take_credit(std::size_t lane_index) {
    LaneState& lane = lanes_[lane_index];
    const std::size_t ordinal = lane.startable++;
    post_credits(lane_index);
    if (ordinal >= lane.opened) return;  // it will be opened with its credit
    Instance& instance = lane.instance(ordinal);
    const std::vector<Step>& steps = lane.layout.lane->steps;
    for (std::size_t step = 0; step < steps.size(); ++step)
      if (steps[step].kind == StepKind::input) one_less(lane_index, instance, step);
  }

  // ---- completions

  void collect(Clock::time_point until) {
    finished_.clear();
    transport_.wait(finished_, until);
    for (const Token token : finished_) finish(Ticket::of(token));
  }

  void finish(const Ticket& ticket) {
    if (ticket.operation == Operation::credit_sent) {
      --credits_on_their_way_;
      return;
    }
    if (ticket.operation == Operation::credit_received) return take_credit(ticket.lane);
    LaneState& lane = lanes_[ticket.lane];
    Instance& instance = lane.instances[ticket.slot];
    recorder_.event(instance.frame, ticket.lane, ticket.step, instance.since[ticket.step], recorder_.now());
    if (lane.layout.lane->steps[ticket.step].kind == StepKind::send)
      complete(ticket.lane, instance, ticket.step);
    else
      arrive(ticket.lane, instance, ticket.step);
    open_frames(ticket.lane);
  }

  void arrive(std::size_t lane, Instance& instance, std::size_t step) try {
    instance.slot.unpack(step);
    complete(lane, instance, step);
  } catch (...) {
    rethrow_at(instance, lanes_[lane].layout.lane->steps[step]);
  }

  // Called inside a catch block: the error in flight, with the step as its place.
  [[noreturn]] void rethrow_at(const Instance& instance, const Step& step) const {
    const std::string where = fmt::format("device '{}', frame {}, step '{}'", printable(program_.device, 60),
                                          instance.frame, printable(step.name, 80));
    try {
      throw;
    } catch (const Error& error) {
      if (!error.place().path.empty()) throw;
      throw Error(error.exit(), error.code(), {where}, error.message());
    } catch (const std::exception& error) {
      throw Error(ExitCode::internal, "RUNTIME-STEP", {where}, error.what());
    }
  }

  const Program& program_;
  const Deployment& deployment_;
  SegmentRunner& runner_;
  Transport& transport_;
  FrameSource& source_;
  const ExecutorOptions& options_;
  double deadline_;
  Recorder recorder_;
  bool warm_ = false;
  std::vector<LaneState> lanes_;
  OutputOrder order_;
  std::priority_queue<ReadyStep, std::vector<ReadyStep>, std::greater<>> ready_;
  std::vector<ReadyStep> held_;  // frames whose outputs cannot leave yet
  std::vector<Token> finished_;
  std::size_t credits_on_their_way_ = 0;
  Clock::time_point last_progress_{};
};

}  // namespace

double local_deadline(const Program& program, const Deployment& deployment, const ExecutorOptions& options) {
  if (options.deadline_s <= 0) return 0;
  const std::vector<std::size_t> dealt = program::deal_frames(deployment.replicas, options.frames);
  const auto is_here = [&](std::size_t replica) {
    return std::any_of(program.lanes.begin(), program.lanes.end(),
                       [&](const Lane& lane) { return lane.replica == replica; });
  };
  std::size_t longest = 1;
  std::size_t gap = 0;
  for (const std::size_t replica : dealt) {
    ++gap;
    if (!is_here(replica)) continue;
    longest = std::max(longest, gap);
    gap = 0;
  }
  return options.deadline_s + 5 * options.expected_period_s * static_cast<double>(longest - 1);
}

RunReport execute(const Program& program, const Deployment& deployment, SegmentRunner& runner, Transport& transport,
                  FrameSource& source, FrameSink& sink, const ExecutorOptions& options) {
  std::optional<Executor> executor;  // its memory must outlive the abort, which keeps peers from writing into it
  try {
    executor.emplace(program, deployment, runner, transport, source, sink, options);
    return executor->run();
  } catch (...) {
    transport.abort(std::current_exception());
    throw;
  }
}

}  // namespace dse::runtime
