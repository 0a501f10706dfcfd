#include "estimator/simulation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

namespace dse {
namespace {

// Frames in flight, messages and processors as seen from a moment: times relative to it, frames to the next one to
// enter. What follows depends on nothing else, so once a state returns, everything since repeats.
struct Snapshot {
  double now = 0;
  std::size_t next = 0;         // frame to enter
  std::size_t finished = 0;     // frames
  std::vector<double> numbers;  // counts and times
};

// std::priority_queue with its items in sight.
template <typename T>
class Heap {
 public:
  const T& top() const { return items_.front(); }
  bool empty() const { return items_.empty(); }
  void push(const T& item) {
    items_.push_back(item);
    std::push_heap(items_.begin(), items_.end());
  }
  void pop() {
    std::pop_heap(items_.begin(), items_.end());
    items_.pop_back();
  }
  const std::vector<T>& items() const { return items_; }
  // `change` must keep the order.
  template <typename Change>
  void change_all(const Change& change) {
    std::for_each(items_.begin(), items_.end(), change);
  }

 private:
  std::vector<T> items_;
};

struct Event {
  double time;
  std::uint32_t frame, step;
  bool noticed = true;  // false: a message that has arrived, and may be noticed later
  // Heap keeps the greatest on top: earlier events, then older frames, are greater.
  bool operator<(const Event& other) const {
    return std::tie(other.time, other.frame, other.step) < std::tie(time, frame, step);
  }
};

struct Work {
  std::uint32_t frame, lane, index, step;  // index: the program's step number; step: the flow's
  bool operator<(const Work& other) const {
    return std::tie(other.frame, other.lane, other.index) < std::tie(frame, lane, index);
  }
};

struct Processor {
  Heap<Work> ready;
  bool busy = false;
  double active = 0;  // when it last did or noticed something
};

class Simulation {
 public:
  Simulation(std::span<const Flow> flows, const Resources& resources, std::size_t devices,
             std::span<const std::size_t> flow_of_frame, std::span<const double> compute_factors,
             std::vector<FrameStep>* every_step)
      : flows_(flows),
        flow_of_frame_(flow_of_frame),
        factors_(compute_factors),
        every_step_(every_step),
        free_(resources.count(), 0.0),
        processors_(devices),
        waiting_(flow_of_frame.size()),
        left_(flow_of_frame.size(), 0),
        in_flight_(flows.size(), 0) {
    result_.finished.assign(flow_of_frame.size(), 0);
    for (const Flow& flow : flows)
      for (const FlowStep& step : flow.steps)
        if (step.wake_share > 0) latest_notice_ = std::max(latest_notice_, step.wake_longest / step.wake_share);
    if (!flow_of_frame.empty()) result_.first_frame.resize(flows[flow_of_frame[0]].steps.size());
  }

  SimulationResult run() {
    admit(0);
    complete_instants();
    start_processors(0);
    while (!events_.empty()) {
      const double now = events_.top().time;
      // Everything that ends now ends before anything starts: which step goes next must not depend on the order of
      // events.
      while (!events_.empty() && events_.top().time <= now) {
        const Event event = events_.top();
        events_.pop();
        complete(event);
        complete_instants();
      }
      start_processors(now);
      if (order_.size() > seen_) look_for_repetition(now);
    }
    return std::move(result_);
  }

 private:
  const Flow& flow(std::uint32_t frame) const { return flows_[flow_of_frame_[frame]]; }

  void admit(double now) {
    while (next_ < flow_of_frame_.size()) {
      const std::size_t replica = flow_of_frame_[next_];
      if (in_flight_[replica] >= flows_[replica].frames_in_flight) return;
      ++in_flight_[replica];
      const auto frame = static_cast<std::uint32_t>(next_++);
      waiting_[frame] = flows_[replica].predecessors;
      left_[frame] = flows_[replica].steps.size();
      for (std::uint32_t s = 0; s < flows_[replica].steps.size(); ++s) {
        if (flows_[replica].predecessors[s] == 0) make_ready(frame, s, now);
      }
    }
  }

  void make_ready(std::uint32_t frame, std::uint32_t step, double now) {
    const FlowStep& what = flow(frame).steps[step];
    switch (what.kind) {
      case FlowStep::Kind::instant:
        note(frame, step, now, now);
        instants_.push_back({now, frame, step, true});
        break;
      case FlowStep::Kind::compute:
        processors_[what.device].ready.push({frame, what.lane, what.step, step});
        touched_.push_back(what.device);
        break;
      case FlowStep::Kind::message: {
        const double start = std::max({now, free_[what.sending], free_[what.receiving] - what.latency});
        free_[what.sending] = start + what.seconds;
        // On a shared medium the two are one resource, which the latency does not occupy.
        if (what.receiving != what.sending) free_[what.receiving] = start + what.latency + what.seconds;
        finish_at(frame, step, start, start + what.latency + what.seconds, what.wake_share == 0);
        break;
      }
    }
  }

  void note(std::uint32_t frame, std::uint32_t step, double start, double end) {
    if (frame == 0) result_.first_frame[step] = {start, end};
    if (every_step_ != nullptr) every_step_->push_back({frame, step, {start, end}});
  }

  void finish_at(std::uint32_t frame, std::uint32_t step, double start, double end, bool noticed = true) {
    note(frame, step, start, end);
    events_.push({end, frame, step, noticed});
  }

  // Steps that take no time: what follows them is ready at once.
  void complete_instants() {
    for (std::size_t i = 0; i < instants_.size(); ++i) {
      const Event event = instants_[i];
      complete(event);
    }
    instants_.clear();
  }

  // True where the message is to be noticed later. A device that computes looks as soon as it has done so.
  bool sleeps_on(const Event& event, const FlowStep& what) {
    Processor& receiver = processors_[what.peer];
    if (event.noticed || receiver.busy) return false;
    const double late = std::min(what.wake_share * (event.time - receiver.active), what.wake_longest);
    if (!(late > 0)) return false;
    if (event.frame == 0) result_.first_frame[event.step].end += late;
    if (every_step_ != nullptr) end_later(event, late);
    events_.push({event.time + late, event.frame, event.step, true});
    return true;
  }

  void end_later(const Event& event, double late) {
    const auto of_event = [&](const FrameStep& one) { return one.frame == event.frame && one.step == event.step; };
    std::find_if(every_step_->rbegin(), every_step_->rend(), of_event)->span.end += late;
  }

  void complete(const Event& event) {
    const Flow& of = flow(event.frame);
    const FlowStep& what = of.steps[event.step];
    if (what.kind == FlowStep::Kind::message) {
      if (sleeps_on(event, what)) return;
      processors_[what.peer].active = event.time;
    }
    if (what.kind == FlowStep::Kind::compute) {
      processors_[what.device].busy = false;
      processors_[what.device].active = event.time;
      touched_.push_back(what.device);
    }
    for (std::uint32_t i = of.first_successor[event.step]; i < of.first_successor[event.step + 1]; ++i) {
      if (--waiting_[event.frame][of.successors[i]] == 0) make_ready(event.frame, of.successors[i], event.time);
    }
    if (--left_[event.frame] > 0) return;
    result_.finished[event.frame] = event.time;
    order_.push_back(event.frame);
    waiting_[event.frame] = {};
    --in_flight_[flow_of_frame_[event.frame]];
    admit(event.time);
  }

  void start_processors(double now) {
    for (const std::uint32_t device : touched_) {
      Processor& processor = processors_[device];
      if (processor.busy || processor.ready.empty()) continue;
      const Work work = processor.ready.top();
      processor.ready.pop();
      processor.busy = true;
      finish_at(work.frame, work.step, now, now + flow(work.frame).steps[work.step].seconds * factors_[device]);
    }
    touched_.clear();
  }

  // ---- repetition (as Brent searches for a cycle: the state is compared with one that is renewed at growing
  // distances)

  void look_for_repetition(double now) {
    seen_ = order_.size();
    if (every_step_ != nullptr || next_ >= flow_of_frame_.size()) return;
    take_snapshot(now, latest_);
    if (repeats()) return skip_cycles(now);
    if (seen_ < renew_at_) return;
    renew_at_ = seen_ + std::max(shortest_renewal, seen_ / 8);
    std::swap(reference_, latest_);
  }

  void take_snapshot(double now, Snapshot& into) {
    into.now = now;
    into.next = next_;
    into.finished = order_.size();
    std::vector<double>& numbers = into.numbers;
    numbers.clear();
    while (oldest_ < next_ && left_[oldest_] == 0) ++oldest_;
    for (std::size_t frame = oldest_; frame < next_; ++frame) {
      numbers.push_back(static_cast<double>(left_[frame]));
      numbers.insert(numbers.end(), waiting_[frame].begin(), waiting_[frame].end());
    }
    for (const double free : free_) numbers.push_back(std::max(free - now, 0.0));
    for (const Processor& processor : processors_) {
      numbers.push_back(processor.busy ? 0 : std::min(now - processor.active, latest_notice_));
      add_sorted(processor.ready.items(), numbers, [&](const Work& work) {
        numbers.push_back(static_cast<double>(next_ - work.frame));
        numbers.push_back(static_cast<double>(work.step));
      });
    }
    add_sorted(events_.items(), numbers, [&](const Event& event) {
      numbers.push_back(event.time - now);
      numbers.push_back(static_cast<double>(next_ - event.frame));
      numbers.push_back(static_cast<double>(event.step));
      numbers.push_back(event.noticed ? 1 : 0);
    });
  }

  template <typename T, typename Add>
  static void add_sorted(std::vector<T> items, std::vector<double>& numbers, const Add& add) {
    std::sort(items.begin(), items.end());
    numbers.push_back(static_cast<double>(items.size()));
    std::for_each(items.begin(), items.end(), add);
  }

  bool repeats() const {
    if (reference_.numbers.size() != latest_.numbers.size()) return false;
    const std::size_t frames = latest_.next - reference_.next;
    if (frames == 0 || frames != latest_.finished - reference_.finished) return false;
    const double rounding = 1e-9 * (latest_.now - reference_.now);
    const auto same = [&](double a, double b) { return std::abs(a - b) <= rounding; };
    return std::equal(latest_.numbers.begin(), latest_.numbers.end(), reference_.numbers.begin(), same) &&
           std::equal(flow_of_frame_.begin() + static_cast<std::ptrdiff_t>(reference_.next + frames),
                      flow_of_frame_.end(), flow_of_frame_.begin() + static_cast<std::ptrdiff_t>(reference_.next));
  }

  // As many whole cycles as there are frames for: the last frames, after which none enters, are simulated again.
  void skip_cycles(double now) {
    const std::size_t frames = latest_.next - reference_.next;
    const double seconds = now - reference_.now;
    const std::size_t cycles = (flow_of_frame_.size() - next_) / frames;
    if (cycles == 0) return;
    const std::vector<std::uint32_t> cycle(order_.begin() + static_cast<std::ptrdiff_t>(reference_.finished),
                                           order_.end());
    for (std::size_t i = 1; i <= cycles; ++i)
      for (const std::uint32_t frame : cycle)
        result_.finished[frame + i * frames] = result_.finished[frame] + static_cast<double>(i) * seconds;
    shift(cycles * frames, static_cast<double>(cycles) * seconds);
  }

  void shift(std::size_t frames, double seconds) {
    const auto by = static_cast<std::uint32_t>(frames);
    for (std::size_t frame = next_; frame-- > oldest_;) {
      left_[frame + frames] = left_[frame];
      std::swap(waiting_[frame + frames], waiting_[frame]);
      if (left_[frame] == 0) result_.finished[frame + frames] = result_.finished[frame] + seconds;
    }
    next_ += frames;
    oldest_ += frames;
    for (double& free : free_) free += seconds;
    for (Processor& processor : processors_) {
      processor.active += seconds;
      processor.ready.change_all([&](Work& work) { work.frame += by; });
    }
    events_.change_all([&](Event& event) {
      event.time += seconds;
      event.frame += by;
    });
  }

  std::span<const Flow> flows_;
  std::span<const std::size_t> flow_of_frame_;
  std::span<const double> factors_;
  std::vector<FrameStep>* every_step_;  // may be null
  Heap<Event> events_;
  std::vector<Event> instants_;  // of now, in the order of becoming ready
  std::vector<double> free_;     // by resource: when it is free again
  std::vector<Processor> processors_;
  std::vector<std::uint32_t> touched_;               // devices that may start something
  std::vector<std::vector<std::uint32_t>> waiting_;  // by frame in flight and step: predecessors not yet done
  std::vector<std::size_t> left_;                    // by frame: steps not yet done
  std::vector<std::size_t> in_flight_;               // by flow
  std::size_t next_ = 0;
  std::size_t oldest_ = 0;            // no frame before it is in flight
  std::vector<std::uint32_t> order_;  // finished frames
  std::size_t seen_ = 0;              // of them, when repetition was looked for last
  static constexpr std::size_t shortest_renewal = 4;
  std::size_t renew_at_ = 1;
  Snapshot reference_, latest_;
  double latest_notice_ = 0;  // a processor that has done nothing for so long notices messages no later after more
  SimulationResult result_;
};

}  // namespace

SimulationResult simulate(std::span<const Flow> flows, const Resources& resources, std::size_t devices,
                          std::span<const std::size_t> flow_of_frame, std::span<const double> compute_factors,
                          std::vector<FrameStep>* every_step) {
  return Simulation(flows, resources, devices, flow_of_frame, compute_factors, every_step).run();
}

double one_frame_latency(const Flow& flow, const Resources& resources, std::size_t devices, std::vector<Span>* spans) {
  static constexpr std::array<std::size_t, 1> one_frame{0};
  const std::vector<double> standalone(devices, 1.0);
  SimulationResult result = simulate({&flow, 1}, resources, devices, one_frame, standalone);
  if (spans != nullptr) *spans = std::move(result.first_frame);
  return result.finished[0];
}

}  // namespace dse
