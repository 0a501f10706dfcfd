// What a mapping means: parts, transfers, segments and programs.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/error.hpp"
#include "partition/lowering.hpp"
#include "partition/plan.hpp"
#include "partition/shares.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/mappings.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"

using namespace dse;
using namespace dse::test;

namespace {

std::map<LayerId, std::size_t> placement(const ReplicaMapping& replica) {
  std::map<LayerId, std::size_t> device_of;
  for (const Stage& stage : replica.stages)
    for (const LayerId layer : stage.layers) device_of[layer] = stage.devices.front();
  return device_of;
}

// The transfers that a placement needs, by the definition: a tensor goes to every other device that reads it, or is the
// sink of it.
std::multiset<std::tuple<std::size_t, TensorId, std::size_t, std::size_t>> needed_transfers(const Network& network,
                                                                                            const Platform& platform,
                                                                                            const Mapping& mapping) {
  std::multiset<std::tuple<std::size_t, TensorId, std::size_t, std::size_t>> result;
  for (std::size_t r = 0; r < mapping.replicas.size(); ++r) {
    const auto device_of = placement(mapping.replicas[r]);
    for (TensorId t = 0; t < network.tensors().size(); ++t) {
      const NetworkTensor& tensor = network.tensors()[t];
      const std::size_t from = tensor.producer ? device_of.at(*tensor.producer) : platform.input;
      std::set<std::size_t> readers;
      for (const LayerId consumer : tensor.consumers) readers.insert(device_of.at(consumer));
      if (tensor.is_output) readers.insert(platform.output);
      for (const std::size_t to : readers)
        if (to != from) result.insert({r, t, from, to});
    }
  }
  return result;
}

void check_plan(const Network& network, const Platform& platform, const Mapping& mapping) {
  check(mapping, network, platform);
  const Plan plan = lower(network, platform, mapping);
  CHECK_NOTHROW(program::check(plan.programs));
  CHECK_NOTHROW(program::check(participating(plan).programs));
  std::multiset<std::tuple<std::size_t, TensorId, std::size_t, std::size_t>> transfers;
  for (const Transfer& transfer : plan.transfers) {
    std::int64_t bytes = 0;
    for (const Cargo& cargo : transfer.cargo) {
      REQUIRE(cargo.value.kind == ValueId::Kind::tensor);
      transfers.insert({transfer.replica, cargo.value.index, transfer.from, transfer.to});
      bytes += network.tensors()[cargo.value.index].bytes();
    }
    CHECK(transfer.bytes == bytes);
  }
  CHECK(transfers == needed_transfers(network, platform, mapping));
  std::map<std::pair<std::size_t, LayerId>, int> times;
  for (const Part& part : plan.parts) {
    ++times[{part.replica, part.layer}];
    CHECK(placement(mapping.replicas[part.replica]).at(part.layer) == part.device);
    CHECK(plan.segments[part.segment].device == part.device);
  }
  CHECK(times.size() == mapping.replicas.size() * network.layers().size());
  CHECK(std::all_of(times.begin(), times.end(), [](const auto& entry) { return entry.second == 1; }));
  std::size_t steps = 0;
  for (const program::Program& program : plan.programs.programs)
    for (const program::Lane& lane : program.lanes) steps += lane.steps.size();
  CHECK(global_order(plan.programs).size() == steps);
}

}  // namespace

TEST_CASE("any mapping of any network is lowered to valid, acyclic programs with exactly the transfers it needs") {
  Random random(11);
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const SmallNetwork network = random_network(seed, 6 + seed);
    for (std::size_t devices = 1; devices <= 4; ++devices) {
      Platform platform = local_platform(devices);
      platform.input = below(random, devices);
      platform.output = below(random, devices);
      for (int i = 0; i < 6; ++i) {
        check_plan(network.network(), platform, random_free(network.network(), devices, random));
        check_plan(network.network(), platform, random_replicas(network.network(), devices, random));
      }
    }
  }
}

TEST_CASE("one device runs the whole network as one segment without a message") {
  const SmallNetwork network = residual_network();
  const Platform platform = local_platform(2);
  const Plan plan = lower(network.network(), platform, single_device(network.network(), 0));
  CHECK(plan.segments.size() == 1);
  CHECK(plan.transfers.empty());
  const Participation part = participating(plan);
  CHECK(part.device_of_rank == std::vector<std::size_t>{0});
  CHECK(part.programs.deployment.replicas.at(0).frames_in_flight == 2);
}

TEST_CASE("a device that is only source and sink takes part without a segment") {
  const SmallNetwork network = chain_network();
  const Platform platform = local_platform(3);
  const Plan plan = lower(network.network(), platform, single_device(network.network(), 2));
  CHECK(plan.programs.programs[0].segments.empty());
  CHECK(plan.programs.programs[0].lanes.size() == 1);
  CHECK(plan.programs.programs[1].lanes.empty());
  CHECK(participating(plan).device_of_rank == std::vector<std::size_t>{0, 2});
}

TEST_CASE("contiguous stages of a chain run as one segment each") {
  Random random(5);
  const Platform platform = local_platform(3);
  const SmallNetwork chain = chain_network(9);
  for (int i = 0; i < 20; ++i) {
    const Mapping mapping = random_contiguous(chain.network(), 3, 3, random);
    CHECK(lower(chain.network(), platform, mapping).segments.size() == mapping.replicas.front().stages.size());
  }
}

TEST_CASE("a branch on another device does not wait for what follows on the first") {
  const SmallNetwork network = branch_network();
  const Platform platform = local_platform(2);
  // All on device 0 but one layer of the first branch group: what feeds it must leave before the rest of its device's
  // work.
  const auto& layers = network->layers();
  LayerId stem = 0;
  while (network->tensors()[layers[stem].outputs.front()].consumers.size() < 2 && stem + 1 < layers.size()) ++stem;
  REQUIRE(stem + 1 < layers.size());
  Mapping mapping = single_device(network.network(), 0);
  const LayerId moved = network->tensors()[layers[stem].outputs.front()].consumers.back();
  Stage away{{moved}, {1}, Split::none, {}, Halo::exchange, 0, Wire::full};
  std::erase(mapping.replicas[0].stages[0].layers, moved);
  mapping.replicas[0].stages.push_back(away);
  const Plan plan = lower(network.network(), platform, mapping);
  for (const PlanSegment& segment : plan.segments) {
    const std::vector<LayerId> inside = layers_of(plan, segment);
    if (segment.device == 0 && std::find(inside.begin(), inside.end(), stem) != inside.end())
      CHECK(inside.back() <= moved);
  }
}

TEST_CASE("replicas with the same layers on a device share its sub-model") {
  const SmallNetwork network = chain_network();
  const Platform platform = local_platform(1);
  Mapping mapping = single_device(network.network(), 0);
  mapping.replicas.push_back(mapping.replicas.front());
  const Plan plan = lower(network.network(), platform, mapping);
  CHECK(plan.programs.programs[0].segments.size() == 1);
  CHECK(plan.programs.programs[0].lanes.size() == 2);
}

namespace {

// The laws of any plan: what a device reads, it computes or is sent; nothing is sent that the receiver has; what is
// sent is what the sender computed; the programs are valid.
void check_split_plan(const Network& network, const Platform& platform, const Mapping& mapping) {
  check(mapping, network, platform);
  INFO(to_json(mapping, network, platform));
  INFO("input " << platform.input << " output " << platform.output << " everywhere " << platform.input_everywhere);
  const Plan plan = lower(network, platform, mapping);
  CHECK_NOTHROW(program::check(plan.programs));
  std::map<std::tuple<std::size_t, ValueId, std::size_t>, Region> made, read, sent;
  for (const Part& part : plan.parts) {
    for (const ValuePort& port : part.outputs) {
      Region& region = made[{part.replica, port.value, part.device}];
      region = unite(region, Region(port.box));
    }
    for (const ValuePort& port : part.inputs) {
      Region& region = read[{part.replica, port.value, part.device}];
      region = unite(region, Region(port.box));
    }
  }
  for (const Transfer& transfer : plan.transfers) {
    std::int64_t bytes = 0;
    for (const auto& [value, boxes] : transfer.cargo) {
      const bool input = value.kind == ValueId::Kind::tensor && !network.tensors()[value.index].producer;
      for (const Box& box : boxes) {
        bytes += box.elements() * static_cast<std::int64_t>(element_size(value_type(network, value).type));
        Region& region = sent[{transfer.replica, value, transfer.to}];
        CHECK(intersect(region, Region(box)).empty());
        region = unite(region, Region(box));
        if (!input) CHECK(made[{transfer.replica, value, transfer.from}].contains(Region(box)));
        CHECK(intersect(made[{transfer.replica, value, transfer.to}], Region(box)).empty());
      }
    }
    CHECK(transfer.bytes == bytes);
  }
  for (const auto& [key, region] : read) {
    const auto& [replica, value, device] = key;
    const bool input = value.kind == ValueId::Kind::tensor && !network.tensors()[value.index].producer;
    if (input && (platform.input_everywhere || platform.input == device)) continue;
    CHECK(unite(made[key], sent[key]).contains(region));
  }
}

}  // namespace

TEST_CASE("any hybrid of any network is lowered to valid programs in which every read is made or sent") {
  Random random(17);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const SmallNetwork network = random_network(seed, 6 + seed);
    for (std::size_t devices = 2; devices <= 4; ++devices) {
      Platform platform = local_platform(devices);
      platform.input = below(random, devices);
      platform.output = below(random, devices);
      platform.input_everywhere = below(random, 3) == 0;
      for (int i = 0; i < 6; ++i)
        check_split_plan(network.network(), platform, random_hybrids(network.network(), devices, random));
      for (const NamedMapping& named : strategies(network.network(), devices, {}))
        check_split_plan(network.network(), platform, named.mapping);
    }
  }
}

// Two messages may be one where one step makes both and one step waits for both first.
void check_merged(const Plan& plan) {
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> first_reader;  // (program, transfer) → run or output step
  for (const program::Program& program : plan.programs.programs)
    for (const program::Lane& lane : program.lanes)
      for (std::size_t step = lane.steps.size(); step-- > 0;)
        for (const std::size_t before : lane.steps[step].after)
          if (lane.steps[before].kind == program::StepKind::receive && lane.steps[step].kind == program::StepKind::run)
            first_reader[{program.index, lane.steps[before].transfer}] = step;
  std::set<std::tuple<std::size_t, std::size_t, std::size_t, std::size_t, std::size_t>> seen;
  for (const program::Program& program : plan.programs.programs)
    for (const program::Lane& lane : program.lanes)
      for (const program::Step& step : lane.steps) {
        if (step.kind != program::StepKind::send || step.after.empty()) continue;
        if (lane.steps[step.after.front()].kind != program::StepKind::run) continue;
        const auto reader = first_reader.find({step.peer, step.transfer});
        if (reader == first_reader.end()) continue;
        CHECK(seen.insert({program.index, lane.replica, step.after.front(), step.peer, reader->second}).second);
      }
}

TEST_CASE("what leaves with one step and is first read by one step is one message") {
  Random random(29);
  std::size_t merged = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const SmallNetwork network = random_network(seed, 8 + seed);
    const Platform platform = local_platform(3);
    for (int i = 0; i < 10; ++i) {
      const Plan plan = lower(network.network(), platform, random_hybrids(network.network(), 3, random));
      for (const Transfer& transfer : plan.transfers) merged += transfer.cargo.size() - 1;
      check_merged(plan);
    }
  }
  MESSAGE(merged, " messages saved");
  CHECK(merged > 0);
}

TEST_CASE("buffers share memory wherever that is certain to be safe, and nowhere else") {
  Random random(23);
  std::int64_t together = 0, apart = 0;
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const SmallNetwork network = random_network(seed, 8 + seed);
    const Platform platform = local_platform(3);
    for (int i = 0; i < 8; ++i) {
      Plan plan = lower(network.network(), platform, random_hybrids(network.network(), 3, random));
      for (program::Program& program : plan.programs.programs)
        for (program::Lane& lane : program.lanes) {
          together += lane.slot_bytes();
          for (const program::Buffer& buffer : lane.buffers) apart += buffer.bytes();
        }
      CHECK_NOTHROW(program::check(plan.programs));
      // What one step reads and writes may not lie together.
      for (program::Program& program : plan.programs.programs)
        for (program::Lane& lane : program.lanes)
          for (const program::Step& step : lane.steps) {
            if (step.kind != program::StepKind::run || step.sources.empty()) continue;
            const std::vector<program::Buffer> kept = lane.buffers;
            const std::size_t read = step.sources[0].buffer, written = step.targets[0].buffer;
            for (program::Buffer& buffer : lane.buffers) buffer.block.reset();
            lane.buffers[read].block = lane.buffers[written].block = std::min(read, written);
            try {
              program::check(plan.programs);
            } catch (const Error& error) {
              CHECK(error.code() == "PROGRAM-MEMORY");
              ++refused;
            }
            CHECK(read != written);
            lane.buffers = kept;
          }
    }
  }
  MESSAGE("slots of ", together, " bytes instead of ", apart, ", ", refused, " wrong blocks refused");
  CHECK(together < apart);
  CHECK(refused > 100);
}

TEST_CASE("a chain split by channels needs memory for two layers, however long it is") {
  const Platform platform = local_platform(2);
  std::vector<std::int64_t> slots;
  for (const std::size_t layers : {6U, 12U, 24U}) {
    const SmallNetwork network = chain_network(layers);
    const Plan plan = lower(network.network(), platform, strategies(network.network(), 2, {}).at(0).mapping);
    slots.push_back(plan.programs.programs[1].lanes.at(0).slot_bytes());
  }
  CHECK(slots[1] == slots[0]);
  CHECK(slots[2] == slots[0]);
}

TEST_CASE("a channel split of a chain sends every device the channels that it lacks, and no weight twice") {
  const SmallNetwork network = chain_network();
  const Platform platform = local_platform(2);
  const Plan plan = lower(network.network(), platform, strategies(network.network(), 2, {}).at(0).mapping);
  std::int64_t loaded = 0, whole = 0;
  for (const Part& part : plan.parts)
    for (const WeightSlice& slice : part.weights) loaded += slice_size(network.network(), slice);
  for (const Layer& layer : network->layers()) whole += layer.weight_bytes;
  CHECK(loaded == whole);
  for (const Part& part : plan.parts) CHECK(part.fraction == doctest::Approx(0.5));
}

TEST_CASE("of what the parts of a Gather choose from, only the chosen positions are sent") {
  OnnxBuild build;
  build.input("x", {1, 3, 8, 8}).conv("x", "made", 3, 12);
  build.values("chosen", {11, 0, 1, 6, 0});
  OnnxBuild::integer(build.node("Gather", {"made", "chosen"}, {"y"}, "choose"), "axis", 1);
  build.output("y", {1, 5, 8, 8});
  const SmallNetwork network("gather", build.serialised());
  const Platform platform = local_platform(3);
  Mapping mapping = contiguous(*network, {1}, {0, 1});
  Stage& stage = mapping.replicas[0].stages[1];
  stage.devices = {1, 2};
  stage.split = Split::channels;
  const Plan plan = lower(*network, platform, mapping);
  CHECK_NOTHROW(program::check(plan.programs));
  std::int64_t sent = 0;
  for (const Transfer& transfer : plan.transfers)
    if (transfer.from == 0) sent += transfer.bytes;
  // 11 and 0; 0, 1 and 6: wherever the five are cut. Their bounding boxes would be 12 and 7 channels.
  CHECK(sent == 5 * 8 * 8 * 4);
}

TEST_CASE("a layer that is not divided is sent what it reads of its inputs, no more") {
  struct Case {
    const char* name;
    void (*add)(OnnxBuild&);
    Shape output;
    std::int64_t sent;  // elements of the 12 x 9 x 9 that device 0 makes
  };
  const std::vector<Case> cases{
      {"Gather",
       [](OnnxBuild& build) {
         build.values("chosen", {11, 0, 1, 6, 0});
         OnnxBuild::integer(build.node("Gather", {"made", "chosen"}, {"y"}, "last"), "axis", 1);
       },
       {1, 5, 9, 9},
       4 * 9 * 9},
      {"Slice",
       [](OnnxBuild& build) {
         build.values("starts", {2}).values("ends", {5}).values("axes", {2});
         build.node("Slice", {"made", "starts", "ends", "axes"}, {"y"}, "last");
       },
       {1, 12, 3, 9},
       12 * 3 * 9},
      {"Slice with a step",
       [](OnnxBuild& build) {
         build.values("starts", {10, 0}).values("ends", {-100, 100}).values("axes", {1, 2}).values("steps", {-2, 4});
         build.node("Slice", {"made", "starts", "ends", "axes", "steps"}, {"y"}, "last");
       },
       {1, 6, 3, 9},
       6 * 9 * 9},
      {"MaxPool that leaves out the last row and column",
       [](OnnxBuild& build) {
         onnx::NodeProto& pool = build.node("MaxPool", {"made"}, {"y"}, "last");
         build.ints(pool, "kernel_shape", {2, 2});
         build.ints(pool, "strides", {2, 2});
       },
       {1, 12, 4, 4},
       12 * 8 * 8},
  };
  const Platform platform = local_platform(2);
  for (const Case& c : cases) {
    CAPTURE(c.name);
    OnnxBuild build;
    build.input("x", {1, 3, 9, 9}).conv("x", "made", 3, 12);
    c.add(build);
    build.output("y", c.output);
    const SmallNetwork network("whole", build.serialised());
    const Plan plan = lower(*network, platform, contiguous(*network, {1}, {0, 1}));
    CHECK_NOTHROW(program::check(plan.programs));
    std::int64_t sent = 0;
    for (const Transfer& transfer : plan.transfers)
      if (transfer.from == 0) sent += transfer.bytes;
    CHECK(sent == c.sent * 4);
  }
}

TEST_CASE("recomputed rows send nothing inside the stage") {
  const SmallNetwork network = chain_network();
  const Platform platform = local_platform(2);
  for (const NamedMapping& named : strategies(network.network(), 2, {})) {
    if (named.name != "rows, recompute") continue;
    const Plan plan = lower(network.network(), platform, named.mapping);
    CHECK(plan.transfers.size() == 2);  // the input's rows there, the output's rows back
    CHECK(plan.segments.size() == 2);
  }
}

TEST_CASE("cuts by shares cover the extent and keep to the multiple where that is fair") {
  CHECK(cut_by_shares(64, {1, 1}, 16) == std::vector<std::int64_t>{0, 32, 64});
  CHECK(cut_by_shares(64, {3, 1}, 16) == std::vector<std::int64_t>{0, 48, 64});
  CHECK(cut_by_shares(10, {1, 1, 1}, 1) == std::vector<std::int64_t>{0, 3, 7, 10});
  CHECK(cut_by_shares(3, {1, 1, 1, 1}, 16).back() == 3);
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::int64_t> shares;
    for (std::size_t n = 1 + below(random, 6); n > 0; --n)
      shares.push_back(1 + static_cast<std::int64_t>(below(random, 9)));
    const auto extent = 1 + static_cast<std::int64_t>(below(random, 500));
    const std::vector<std::int64_t> cuts =
        cut_by_shares(extent, shares, 1 + static_cast<std::int64_t>(below(random, 40)));
    CHECK(cuts.size() == shares.size() + 1);
    CHECK(std::is_sorted(cuts.begin(), cuts.end()));
    CHECK(cuts.front() == 0);
    CHECK(cuts.back() == extent);
  }
}
