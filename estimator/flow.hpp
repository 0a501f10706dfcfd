// One frame's steps of one replica, over all devices, with what each costs: what the schedule, the closed form and the
// energy read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "partition/plan.hpp"

namespace dse {

// Resources of a platform, numbered: the compute of every device, then for every network its shared medium, or the
// sending and the receiving side of every device's NIC.
class Resources {
 public:
  explicit Resources(const Platform& platform);

  std::size_t count() const { return names_.size(); }
  static std::size_t compute(std::size_t device) { return device; }
  std::size_t sending(std::size_t link, std::size_t device) const { return links_[link].at(device, 0); }
  std::size_t receiving(std::size_t link, std::size_t device) const { return links_[link].at(device, 1); }
  const std::string& name(std::size_t resource) const {
    return names_[resource];
  }  // "device nano0", "lan out of nano0"

 private:
  struct Link {
    std::size_t first = 0;
    bool shared = false;
    std::size_t at(std::size_t device, std::size_t side) const { return shared ? first : first + 2 * device + side; }
  };
  std::vector<Link> links_;
  std::vector<std::string> names_;
};

struct FlowStep {
  enum class Kind : std::uint8_t { instant, compute, message };

  Kind kind = Kind::instant;
  std::uint32_t device = 0, lane = 0, step = 0;  // where it stands in the programs
  std::uint32_t peer = 0;                        // message: the receiving device
  std::uint32_t sending = 0, receiving = 0;      // message: resources it occupies (the same one on a shared medium)
  double seconds = 0;                            // compute: of the device; message: of each of its resources
  double latency = 0;                            // message: arrives `seconds + latency` after it starts
  double cpu_seconds = 0;                        // message: processor time, at each end
  double bytes = 0;                              // message
  // message: noticed later by a receiver that has waited for w: min(wake_share * w, wake_longest)
  double wake_share = 0, wake_longest = 0;
};

struct FlowEdge {
  std::uint32_t from = 0, to = 0;  // steps: the second waits for the first
};

struct Flow {
  std::size_t replica = 0;
  double fraction = 1;  // of the system's frames
  std::size_t frames_in_flight = 1;
  std::vector<FlowStep> steps;
  std::vector<std::uint32_t> predecessors;     // how many, by step
  std::vector<std::uint32_t> first_successor;  // by step, and one past the end
  std::vector<std::uint32_t> successors;

  // Fills predecessors and successors.
  void link(std::span<const FlowEdge> edges);
};

// The parts of a message's one-way time: what its resources are busy with, and what passes without occupying them.
// Messages in a row follow each other by the first; the time of an (almost) empty message is the second.
struct MessageTime {
  double occupancy = 0;
  double latency = 0;
};
MessageTime message_time(const Link& link, std::size_t from, std::size_t to, std::int64_t bytes);

// A message from one device to another; where it stands in the programs is left open.
FlowStep message_step(const Platform& platform, const Resources& resources, std::size_t from, std::size_t to,
                      std::int64_t bytes);

// Seconds of a device's program segment, by [device][program segment].
using SegmentTimes = std::vector<std::vector<double>>;

std::vector<Flow> make_flows(const Platform& platform, const Resources& resources, const Plan& plan,
                             const SegmentTimes& segments);

}  // namespace dse
