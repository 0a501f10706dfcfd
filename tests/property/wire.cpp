// Shortened wires: fewer bytes, an error within the tolerance that a package gets, and not the exact outputs.
#include <doctest/doctest.h>

#include <iostream>

#include "models/zoo.hpp"
#include "tests/support/deployment.hpp"

using namespace dse;
using namespace dse::test;

namespace {

Mapping over_wire(Mapping mapping, Wire wire) {
  for (Stage& stage : mapping.replicas[0].stages) stage.wire = wire;
  return mapping;
}

Mapping split_whole(const Network& network, Split split) {
  Mapping mapping = single_device(network, 0);
  mapping.replicas[0].stages[0].devices = {0, 1, 2};
  mapping.replicas[0].stages[0].split = split;
  return mapping;
}

void check_wires(const std::string& name, const std::string& what, const Network& network, const Mapping& mapping) {
  const Platform platform = local_platform(3);
  deploy::Reference reference(network, engine::Engine::instance());
  double bytes = 0, before = 0;
  for (const Wire wire : {Wire::full, Wire::fp16, Wire::int8}) {
    const Outcome outcome = run_in_process(network, platform, over_wire(mapping, wire), reference, 4);
    const Verdict verdict = compare(reference, network, outcome);
    const auto sent = static_cast<double>(outcome.transferred);
    if (wire == Wire::full) bytes = sent;
    std::cout << name << ", " << what << ", wire " << program::wire_names[static_cast<std::size_t>(wire)] << ": "
              << outcome.transferred << " bytes a frame (" << sent / bytes << "), largest error " << verdict.worst_error
              << " (" << verdict.worst_excess << " of its tolerance)" << std::endl;
    CAPTURE(name);
    CAPTURE(what);
    CHECK(outcome.wire == wire);
    CHECK(verdict.exact());
    if (wire != Wire::full) {
      CHECK(sent < bytes);
      CHECK(verdict.worst_error > before);
    }
    before = verdict.worst_error;
  }
}

}  // namespace

TEST_CASE("mappings with a shortened wire send less and stay within its tolerance") {
  for (const std::string name : {"tiny", "squeezenet1.1"}) {
    const TempDir folder("dse-wire");
    zoo::make(name, folder.path() / "model.onnx", {});
    const Network network = Network::import(folder.path() / "model.onnx");
    const std::size_t layers = network.layers().size();
    check_wires(name, "stages", network, contiguous(network, {layers / 3, 2 * layers / 3}, {0, 1, 2}));
    check_wires(name, "channels", network, split_whole(network, Split::channels));
    check_wires(name, "inputs", network, split_whole(network, Split::inputs));
    check_wires(name, "rows", network, split_whole(network, Split::rows));
  }
}
