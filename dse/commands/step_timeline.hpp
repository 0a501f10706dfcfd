// The steps of a deployment's programs as a timeline: simulated and measured ones in the same places under the same
// names, to be looked at side by side.
#pragma once

#include <vector>

#include "dse/command.hpp"
#include "dse/report/timeline.hpp"
#include "estimator/estimate.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"

namespace dse {

// Enough to see the pipeline fill and run, few enough to look at.
inline constexpr std::size_t timeline_frames = 20;

// A process for each device, with a thread for what it computes and two for each of its networks: what it sends and
// what it receives. A shared medium is a process of its own, with every message while it occupies it.
report::Timeline simulated_timeline(const Platform& platform, const Plan& plan, const SimulatedRun& run);

// `steps`: as the workers traced them. Nobody measures when a medium is occupied: it is left out. Inputs and outputs,
// for which a simulation has no time, stand with what the device computes.
report::Timeline measured_timeline(const Platform& platform, const Plan& plan, std::vector<ScheduledStep> steps);

OptionSpec timeline_option(const std::string& what);  // --timeline FILE; what: "simulated"
// Writes it where --timeline says, in place of what is there. Throws Error(io, FILE-WRITE).
void write_timeline(const Arguments& arguments, const report::Timeline& timeline, const Console& console);

}  // namespace dse
