#include "dse/commands/step_timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"

namespace dse {
namespace {

using Message = std::pair<std::size_t, std::size_t>;  // frame, transfer

const program::Lane& lane_of(const Plan& plan, const ScheduledStep& at) {
  return plan.programs.programs[at.device].lanes[at.lane];
}

const program::Step& step_of(const Plan& plan, const ScheduledStep& at) { return lane_of(plan, at).steps[at.step]; }

std::int64_t moved_bytes(const Plan& plan, const program::Lane& lane, const program::Step& step) {
  if (step.kind == program::StepKind::send || step.kind == program::StepKind::receive)
    return plan.transfers[step.transfer].bytes;
  std::int64_t bytes = 0;
  for (const program::View& view : step.kind == program::StepKind::output ? step.sources : step.targets)
    bytes += view.box.elements() * static_cast<std::int64_t>(element_size(lane.buffers[view.buffer].type));
  return bytes;
}

class Builder {
 public:
  Builder(const Platform& platform, const Plan& plan) : platform_(platform), plan_(plan) {
    for (std::size_t device = 0; device < platform.devices.size(); ++device) add_tracks(device);
  }

  void add_media() {
    for (const Link& link : platform_.links) {
      media_.push_back(timeline_.tracks.size());
      if (link.kind == NetworkKind::shared) timeline_.tracks.push_back({"network " + link.name, "medium"});
    }
  }

  void add(const ScheduledStep& at) {
    const program::Step& step = step_of(plan_, at);
    switch (step.kind) {
      case program::StepKind::send:
        sends_[{at.frame, step.transfer}] = timeline_.events.size();
        add(at, sending_.at({link_of(at), at.device}));
        occupy_medium(at);
        break;
      case program::StepKind::receive:
        receives_[{at.frame, step.transfer}] = timeline_.events.size();
        add(at, sending_.at({link_of(at), at.device}) + 1);
        break;
      case program::StepKind::input:
      case program::StepKind::run:
      case program::StepKind::copy:
      case program::StepKind::output:
        add(at, computing_[at.device]);
        break;
    }
  }

  report::Timeline take() {
    for (const auto& [message, send] : sends_)
      if (const auto receive = receives_.find(message); receive != receives_.end())
        timeline_.arrows.push_back({send, receive->second});
    return std::move(timeline_);
  }

 private:
  void add_tracks(std::size_t device) {
    const std::string process = "device " + platform_.devices[device].name;
    computing_.push_back(timeline_.tracks.size());
    timeline_.tracks.push_back({process, "compute"});
    for (std::size_t l = 0; l < platform_.links.size(); ++l) {
      const Link& link = platform_.links[l];
      if (std::find(link.members.begin(), link.members.end(), device) == link.members.end()) continue;
      sending_[{l, device}] = timeline_.tracks.size();
      timeline_.tracks.push_back({process, "sending on " + link.name});
      timeline_.tracks.push_back({process, "receiving on " + link.name});
    }
  }

  std::size_t link_of(const ScheduledStep& at) const {
    return platform_.link_between(at.device, step_of(plan_, at).peer);
  }

  void occupy_medium(const ScheduledStep& at) {
    const std::size_t link = link_of(at);
    if (!media_.empty() && platform_.links[link].kind == NetworkKind::shared) add(at, media_[link]);
  }

  void add(const ScheduledStep& at, std::size_t track) {
    const program::Lane& lane = lane_of(plan_, at);
    const program::Step& step = lane.steps[at.step];
    report::Timeline::Event event{track, step.name, at.start_s, at.end_s, at.frame, lane.replica, {}, 0};
    if (step.kind == program::StepKind::run)
      event.layers = plan_.programs.programs[at.device].segments[step.segment].layers;
    else
      event.bytes = moved_bytes(plan_, lane, step);
    timeline_.events.push_back(std::move(event));
  }

  const Platform& platform_;
  const Plan& plan_;
  report::Timeline timeline_;
  std::vector<std::size_t> computing_;                                  // track, by device
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> sending_;  // track, by network and device; receiving: next
  std::vector<std::size_t> media_;                                      // track, by network, where it is shared
  std::map<Message, std::size_t> sends_, receives_;                     // events
};

// Workers post a receive as soon as its memory is free, long before anything is under way: it is shown from when its
// message was sent.
void start_receives_at_their_sends(const Plan& plan, std::vector<ScheduledStep>& steps) {
  std::map<Message, double> sent;
  for (const ScheduledStep& at : steps) {
    const program::Step& step = step_of(plan, at);
    if (step.kind == program::StepKind::send) sent[{at.frame, step.transfer}] = at.start_s;
  }
  for (ScheduledStep& at : steps) {
    const program::Step& step = step_of(plan, at);
    if (step.kind != program::StepKind::receive) continue;
    // Clocks of two machines differ by more than a fast message takes: never after its own end.
    if (const auto send = sent.find({at.frame, step.transfer}); send != sent.end())
      at.start_s = std::min(std::max(at.start_s, send->second), at.end_s);
  }
}

void start_at_zero(std::vector<ScheduledStep>& steps) {
  const auto first =
      std::min_element(steps.begin(), steps.end(), [](const auto& a, const auto& b) { return a.start_s < b.start_s; });
  if (first == steps.end()) return;
  const double origin = first->start_s;
  for (ScheduledStep& at : steps) {
    at.start_s -= origin;
    at.end_s -= origin;
  }
}

}  // namespace

report::Timeline simulated_timeline(const Platform& platform, const Plan& plan, const SimulatedRun& run) {
  Builder builder(platform, plan);
  builder.add_media();
  for (const ScheduledStep& at : run.steps) builder.add(at);
  return builder.take();
}

report::Timeline measured_timeline(const Platform& platform, const Plan& plan, std::vector<ScheduledStep> steps) {
  start_receives_at_their_sends(plan, steps);
  start_at_zero(steps);
  Builder builder(platform, plan);
  for (const ScheduledStep& at : steps) builder.add(at);
  return builder.take();
}

OptionSpec timeline_option(const std::string& what) {
  return {
      "--timeline",
      "FILE",
      fmt::format("write {} {} frames as a timeline for ui.perfetto.dev or chrome://tracing", timeline_frames, what),
      false,
      false,
      "",
      {}};
}

void write_timeline(const Arguments& arguments, const report::Timeline& timeline, const Console& console) {
  const std::string path = arguments.text("--timeline");
  write_file(path, report::to_chrome_trace(timeline));
  console.note(fmt::format("the timeline is in {}: open it at https://ui.perfetto.dev", printable(path, 4000)));
}

}  // namespace dse
