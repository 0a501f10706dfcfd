// Layers split over devices by channels, inputs, rows, tiles and in hybrids: outputs equal the undivided network's.
#include <doctest/doctest.h>

#include <iostream>

#include "models/zoo.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/sweep.hpp"

using namespace dse;
using namespace dse::test;

namespace {

SweepOptions splits_only(std::size_t hybrids, bool with_strategies) {
  SweepOptions options;
  options.cuts = 1;
  options.three_stages = options.four_devices = options.replicas = 0;
  options.hybrids = hybrids;
  options.strategies = with_strategies;
  return options;
}

void check_exact(const std::string& name, const Network& network, const SweepOptions& options) {
  const SweepResult result = sweep(network, options);
  std::cout << name << " (" << network.layers().size() << " layers): " << result << std::endl;
  CHECK_MESSAGE(result.wrong == 0, name, ": ", result.first_failure);
  CHECK_MESSAGE(result.unseen == 0, name, ": a swapped slice was not seen");
}

}  // namespace

TEST_CASE("zoo networks are exact under every strategy") {
  const TempDir folder("dse-splits");
  const auto zoo_network = [&](const std::string& name) {
    const fs::path path = folder.path() / (name + ".onnx");
    zoo::make(name, path, {});
    return Network::import(path);
  };
  check_exact("tiny", zoo_network("tiny"), splits_only(40, true));
  check_exact("squeezenet1.1", zoo_network("squeezenet1.1"), splits_only(6, false));
  check_exact("mobilenetv2", zoo_network("mobilenetv2"), splits_only(4, false));
  check_exact("resnet18", zoo_network("resnet18"), splits_only(4, false));
}
