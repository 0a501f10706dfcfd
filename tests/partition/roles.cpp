// Which axes a split cuts along, through layers that move axes about.
#include <doctest/doctest.h>

#include <algorithm>

#include "partition/plan.hpp"
#include "partition/roles.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"

using namespace dse;
using namespace dse::test;

namespace {

AxisRoles roles_of(const Network& network, const std::string& tensor) {
  const std::vector<AxisRoles> roles = axis_roles(network);
  for (TensorId id = 0; id < network.tensors().size(); ++id)
    if (network.tensors()[id].name == tensor) return roles[id];
  FAIL("there is no tensor '" << tensor << "'");
  return {};
}

// 12 channels in 3 groups, shuffled between two convolutions.
SmallNetwork shuffle_network() {
  OnnxBuild build;
  build.input("x", {1, 3, 16, 10}).conv("x", "before", 3, 12);
  build.values("parted.shape", {1, 3, 4, 16, 10}).values("joined.shape", {1, 12, 16, 10});
  build.node("Reshape", {"before", "parted.shape"}, {"parted"}, "part");
  OnnxBuild::ints(build.node("Transpose", {"parted"}, {"moved"}, "move"), "perm", {0, 2, 1, 3, 4});
  build.node("Reshape", {"moved", "joined.shape"}, {"joined"}, "join");
  build.conv("joined", "y", 12, 8);
  build.output("y", {1, 8, 16, 10});
  return {"shuffle", build.serialised()};
}

// The places of two maps of different size behind each other, as detectors list them.
SmallNetwork two_maps_network() {
  OnnxBuild build;
  build.input("x", {1, 3, 16, 16}).conv("x", "fine", 3, 8);
  build.conv("fine", "coarse", 8, 8, 3, 2);
  build.values("fine.shape", {1, 8, 256}).values("coarse.shape", {1, 8, 64});
  build.node("Reshape", {"fine", "fine.shape"}, {"fine.list"}, "fine list");
  build.node("Reshape", {"coarse", "coarse.shape"}, {"coarse.list"}, "coarse list");
  OnnxBuild::integer(build.node("Concat", {"fine.list", "coarse.list"}, {"y"}, "join"), "axis", 2);
  build.output("y", {1, 8, 320});
  return {"maps", build.serialised()};
}

// Two anchors of five numbers a place, listed by place.
SmallNetwork head_network() {
  OnnxBuild build;
  build.input("x", {1, 3, 16, 10}).conv("x", "head", 3, 10);
  build.values("listed.shape", {1, 320, 5});
  OnnxBuild::ints(build.node("Transpose", {"head"}, {"moved"}, "move"), "perm", {0, 2, 3, 1});
  build.node("Reshape", {"moved", "listed.shape"}, {"listed"}, "list");
  build.node("Sigmoid", {"listed"}, {"y"}, "sigmoid");
  build.output("y", {1, 320, 5});
  return {"head", build.serialised()};
}

Plan in_rows(const Network& network, std::size_t devices, Halo halo = Halo::exchange) {
  Stage stage;
  for (LayerId layer = 0; layer < network.layers().size(); ++layer) stage.layers.push_back(layer);
  for (std::size_t device = 0; device < devices; ++device) stage.devices.push_back(device);
  stage.split = Split::rows;
  stage.halo = halo;
  Mapping mapping;
  mapping.replicas.push_back({1, {stage}});
  return lower(network, local_platform(devices), mapping);
}

std::size_t devices_of(const Plan& plan, const Network& network, const std::string& layer) {
  return static_cast<std::size_t>(std::count_if(plan.parts.begin(), plan.parts.end(), [&](const Part& part) {
    return network.layers()[part.layer].name == layer;
  }));
}

}  // namespace

TEST_CASE("rows stay rows through a channel shuffle") {
  const SmallNetwork network = shuffle_network();
  const AxisRoles parted = roles_of(*network, "parted"), moved = roles_of(*network, "moved");
  CHECK(parted.batch == 0);
  CHECK(parted.channel == 1);
  CHECK(parted.row == 3);
  CHECK(parted.column == 4);
  CHECK(moved.channel == 2);
  CHECK(moved.row == 3);
  const AxisRoles joined = roles_of(*network, "joined");
  CHECK(joined.channel == 1);
  CHECK(joined.row == 2);
  CHECK(joined.column == 3);

  const Plan plan = in_rows(*network, 2);
  for (const char* layer : {"before", "part", "move", "join", "y"}) CHECK(devices_of(plan, *network, layer) == 2);
  // Into the network, one halo each way before the last convolution, and out of it: the shuffle itself sends nothing.
  CHECK(plan.transfers.size() == 4);
}

TEST_CASE("rows are the outer part of a list of places") {
  const SmallNetwork network = head_network();
  CHECK(roles_of(*network, "moved").row == 1);
  CHECK(roles_of(*network, "moved").channel == 3);
  const AxisRoles listed = roles_of(*network, "y");
  CHECK(listed.batch == 0);
  CHECK(listed.row == 1);

  const Plan plan = in_rows(*network, 2);
  for (const char* layer : {"head", "move", "list"}) CHECK(devices_of(plan, *network, layer) == 2);
  CHECK(plan.transfers.size() == 2);  // the other device's rows of the input, and its places of the output
}

TEST_CASE("the places of several maps behind each other are no rows") {
  const SmallNetwork network = two_maps_network();
  CHECK(roles_of(*network, "fine.list").row == 2);
  CHECK_FALSE(roles_of(*network, "y").row.has_value());
  // Were they, one device would be asked for the whole of the finer map, and would recompute all that leads to it.
  const Plan plan = in_rows(*network, 2, Halo::recompute);
  for (const Part& part : plan.parts)
    if (network->layers()[part.layer].name == "fine") CHECK(part.fraction < 0.7);
  CHECK(devices_of(plan, *network, "join") == 1);
}
