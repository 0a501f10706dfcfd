// The four presets of zoo networks, run: outputs equal the undivided network's.
#include "estimator/presets.hpp"

#include <doctest/doctest.h>

#include <iostream>

#include "models/zoo.hpp"
#include "tests/support/deployment.hpp"

using namespace dse;
using namespace dse::test;

namespace {

// Three devices of different speeds.
Platform uneven_platform() {
  Platform platform = local_platform(3);
  for (std::size_t d = 0; d < platform.devices.size(); ++d) {
    auto profile = std::make_shared<DeviceProfile>(*platform.devices[d].profile);
    for (ClassModel& model : profile->classes) model.macs_per_second /= static_cast<double>(d + 1);
    platform.devices[d].profile = profile;
  }
  return platform;
}

void check_presets(const std::string& name) {
  const TempDir folder("dse-presets");
  zoo::make(name, folder.path() / "model.onnx", {});
  const Network network = Network::import(folder.path() / "model.onnx");
  const Platform platform = uneven_platform();
  const Estimator estimator(network, platform);
  deploy::Reference reference(network, engine::Engine::instance());
  for (const Strategy strategy : {Strategy::data, Strategy::sequential, Strategy::horizontal, Strategy::vertical}) {
    const Mapping mapping = preset(estimator, strategy, {0, 1, 2});
    const Outcome outcome = run_in_process(network, platform, mapping, reference, 4);
    const Verdict verdict = compare(reference, network, outcome);
    std::cout << name << ", " << to_string(strategy) << ": " << outcome.segments << " segments, " << outcome.transfers
              << " transfers, worst error " << verdict.worst_error << " (" << verdict.worst_excess
              << " of its tolerance)" << std::endl;
    CAPTURE(name);
    CHECK_MESSAGE(verdict.exact(), to_string(strategy));
    CHECK(outcome.transfers > 0);
  }
}

}  // namespace

TEST_CASE("the presets of zoo networks are exact") {
  check_presets("tiny");
  check_presets("squeezenet1.1");
}
