// The one lowering: Mapping → Plan → Programs. The estimator, the package writer and the validator all read its result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/region.hpp"
#include "models/network.hpp"
#include "models/submodel.hpp"
#include "partition/mapping.hpp"
#include "platform/platform.hpp"
#include "program/program.hpp"

namespace dse {

using PartId = std::size_t;
using SegmentId = std::size_t;

// One layer's work on one device of one replica.
struct Part {
  std::size_t replica = 0;
  LayerId layer = 0;
  std::size_t device = 0;
  PartWork work;                     // what is asked of it
  std::vector<ValuePort> outputs;    // what it computes of the layer's outputs, or its partial result
  std::vector<ValuePort> inputs;     // what it reads
  std::vector<WeightSlice> weights;  // what it reads of them
  double fraction = 1;               // of the layer's work (MACs, operations) that it does
  Wire wire = Wire::full;            // how its results travel
  std::size_t segment = 0;           // index into Plan::segments
};

// A region of a value, as it is packed.
struct Cargo {
  ValueId value;
  std::vector<Box> boxes;  // disjoint, in the order in which they are packed
};

// One message of every frame: what leaves one device with one step and is first read by one step of another.
struct Transfer {
  std::size_t replica = 0;
  std::vector<Cargo> cargo;  // a value once
  std::size_t from = 0;
  std::size_t to = 0;
  Wire wire = Wire::full;
  std::int64_t bytes = 0;  // on the wire
};

// Parts run as one ONNX sub-model.
struct PlanSegment {
  std::size_t replica = 0;
  std::size_t device = 0;
  std::vector<PartId> parts;        // topological order
  std::vector<ValuePort> inputs;    // read from outside the segment
  std::vector<ValuePort> outputs;   // read outside the segment, or network outputs
  std::size_t program_segment = 0;  // index into the device's Program::segments
  std::size_t lane = 0, step = 0;   // its run step in the device's program
};

struct Plan {
  Mapping mapping;
  std::vector<Part> parts;
  std::vector<Transfer> transfers;    // index = program transfer index
  std::vector<PlanSegment> segments;  // one for each run step, in the global topological order
  program::ProgramSet programs;  // by platform device index; a device without work has no lanes: see participating()
};

// The wire that loses most among those that shorten a transfer; full where none does.
Wire lossiest_wire(const Network& network, const Plan& plan);

// A layer as one part of everything, on device 0 of replica 0.
Part whole_part(const Network& network, LayerId layer);

// Pure function of its arguments. The mapping must be check()ed. Throws Error(bad_input, PLAN-...) for what cannot be
// lowered.
Plan lower(const Network& network, const Platform& platform, const Mapping& mapping);

// The programs of the devices that take part (those with lanes), renumbered without gaps: what is packaged and
// launched, one MPI rank each. `device_of_rank` gives the platform index of each.
struct Participation {
  program::ProgramSet programs;
  std::vector<std::size_t> device_of_rank;
};
Participation participating(const Plan& plan);

// What the sub-model writer needs to write a segment; `locate` is left empty.
PartModelRequest model_request(const Plan& plan, const PlanSegment& segment, std::string name);

// The layers that a segment computes something of, ascending.
std::vector<LayerId> layers_of(const Plan& plan, const PlanSegment& segment);

// Steps of all programs in an order in which each step's predecessors (local `after`, matching sends) come first;
// throws Error(internal, PLAN-CYCLE) where there is none (a property test holds that there always is).
struct GlobalStep {
  std::size_t device = 0, lane = 0, step = 0;
};
std::vector<GlobalStep> global_order(const program::ProgramSet& programs);

}  // namespace dse
