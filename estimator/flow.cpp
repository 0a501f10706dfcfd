#include "estimator/flow.hpp"

#include <algorithm>
#include <limits>

#include "estimator/costs.hpp"

namespace dse {
namespace {

constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

std::uint32_t narrow(std::size_t value) { return static_cast<std::uint32_t>(value); }

double copied_seconds(const Platform& platform, const program::Program& program, const program::Lane& lane,
                      const program::Step& step) {
  double bytes = 0;
  for (const program::View& view : step.targets) {
    bytes += static_cast<double>(view.box.elements() * std::int64_t(element_size(lane.buffers[view.buffer].type)));
  }
  return copy_seconds(*platform.devices[program.index].profile, bytes, program.threads);
}

// Collects the edges of a flow, then stores them as successor lists.
class FlowBuilder {
 public:
  FlowBuilder(const Platform& platform, const Resources& resources, const Plan& plan, const SegmentTimes& segments)
      : platform_(platform), resources_(resources), plan_(plan), segments_(segments) {
    sends_.assign(plan.programs.deployment.transfers, none);
    receives_ = sends_;
  }

  void add(Flow& flow, const program::Program& program, std::size_t lane_index) {
    const program::Lane& lane = program.lanes[lane_index];
    const std::size_t first = flow.steps.size();
    for (std::size_t i = 0; i < lane.steps.size(); ++i) {
      const program::Step& step = lane.steps[i];
      FlowStep made = cost(program, lane, step);
      made.device = narrow(program.index);
      made.lane = narrow(lane_index);
      made.step = narrow(i);
      for (const std::size_t before : step.after) edges_.push_back({narrow(first + before), narrow(flow.steps.size())});
      if (step.kind == program::StepKind::send) sends_[step.transfer] = narrow(flow.steps.size());
      if (step.kind == program::StepKind::receive) receives_[step.transfer] = narrow(flow.steps.size());
      flow.steps.push_back(made);
    }
  }

  void finish(Flow& flow) {
    for (std::size_t t = 0; t < sends_.size(); ++t) {
      if (sends_[t] != none && receives_[t] != none) edges_.push_back({sends_[t], receives_[t]});
      sends_[t] = receives_[t] = none;
    }
    flow.link(edges_);
    edges_.clear();
  }

 private:
  FlowStep cost(const program::Program& program, const program::Lane& lane, const program::Step& step) const {
    FlowStep made;
    switch (step.kind) {
      case program::StepKind::run:
        made.kind = FlowStep::Kind::compute;
        made.seconds = segments_[program.index][step.segment];
        break;
      case program::StepKind::copy:
        made.kind = FlowStep::Kind::compute;
        made.seconds = copied_seconds(platform_, program, lane, step);
        break;
      case program::StepKind::send:
        made = message_step(platform_, resources_, program.index, step.peer, plan_.transfers[step.transfer].bytes);
        break;
      case program::StepKind::input:
      case program::StepKind::receive:
      case program::StepKind::output:
        break;
    }
    return made;
  }

  const Platform& platform_;
  const Resources& resources_;
  const Plan& plan_;
  const SegmentTimes& segments_;
  std::vector<std::uint32_t> sends_, receives_;  // by transfer, of the flow being built
  std::vector<FlowEdge> edges_;
};

}  // namespace

Resources::Resources(const Platform& platform) {
  for (const Device& device : platform.devices) names_.push_back("device " + device.name);
  for (const dse::Link& link : platform.links) {
    links_.push_back({names_.size(), link.kind == NetworkKind::shared});
    if (link.kind == NetworkKind::shared) {
      names_.push_back("network " + link.name);
      continue;
    }
    for (const Device& device : platform.devices) {
      names_.push_back("network " + link.name + " out of " + device.name);
      names_.push_back("network " + link.name + " into " + device.name);
    }
  }
}

MessageTime message_time(const Link& link, std::size_t from, std::size_t to, std::int64_t bytes) {
  const double total = transfer_seconds(link, from, to, bytes);
  const double latency = std::min(total, transfer_seconds(link, from, to, 1));
  return {total - latency, latency};
}

FlowStep message_step(const Platform& platform, const Resources& resources, std::size_t from, std::size_t to,
                      std::int64_t bytes) {
  const std::size_t link_index = platform.link_between(from, to);
  const Link& link = platform.links[link_index];
  const MessageTime time = message_time(link, from, to, bytes);
  FlowStep result;
  result.kind = FlowStep::Kind::message;
  result.peer = narrow(to);
  result.sending = narrow(resources.sending(link_index, from));
  result.receiving = narrow(resources.receiving(link_index, to));
  result.seconds = time.occupancy;
  result.latency = time.latency + platform.devices[to].profile->exchange_seconds;
  result.bytes = static_cast<double>(bytes);
  if (link.profile) {
    result.wake_share = link.profile->wake_share;
    result.wake_longest = link.profile->wake_longest_seconds;
    result.cpu_seconds = link.profile->cpu_seconds_per_message + link.profile->cpu_seconds_per_byte * result.bytes;
  }
  return result;
}

void Flow::link(std::span<const FlowEdge> edges) {
  predecessors.assign(steps.size(), 0);
  first_successor.assign(steps.size() + 1, 0);
  for (const FlowEdge& edge : edges) {
    ++predecessors[edge.to];
    ++first_successor[edge.from + 1];
  }
  for (std::size_t i = 0; i < steps.size(); ++i) first_successor[i + 1] += first_successor[i];
  successors.resize(edges.size());
  std::vector<std::uint32_t> next(first_successor.begin(), first_successor.end() - 1);
  for (const FlowEdge& edge : edges) successors[next[edge.from]++] = edge.to;
}

std::vector<Flow> make_flows(const Platform& platform, const Resources& resources, const Plan& plan,
                             const SegmentTimes& segments) {
  const auto& replicas = plan.programs.deployment.replicas;
  double shares = 0;
  for (const program::Replica& replica : replicas) shares += static_cast<double>(replica.share);
  std::vector<Flow> flows(replicas.size());
  FlowBuilder builder(platform, resources, plan, segments);
  for (std::size_t r = 0; r < replicas.size(); ++r) {
    flows[r].replica = r;
    flows[r].fraction = static_cast<double>(replicas[r].share) / shares;
    flows[r].frames_in_flight = replicas[r].frames_in_flight;
    for (const program::Program& program : plan.programs.programs) {
      for (std::size_t l = 0; l < program.lanes.size(); ++l) {
        if (program.lanes[l].replica == r) builder.add(flows[r], program, l);
      }
    }
    builder.finish(flows[r]);
  }
  return flows;
}

}  // namespace dse
