// What two real workers add to what a device measures by itself.
#include "dse/commands/pair_calibration.hpp"

#include <doctest/doctest.h>

#include "models/zoo.hpp"

using namespace dse;

TEST_CASE("two workers tell by how much streaming and splitting slow a device, never that they quicken it") {
  const TempDir folder("dse-test-pair");
  zoo::make("tiny", folder.path() / "tiny.onnx");
  std::vector<Network> networks;
  networks.push_back(Network::import(folder.path() / "tiny.onnx"));
  // A device that would be far quicker than any machine is seen to be slower, one far slower as no slower than it is.
  DeviceProfile quick = generic_profile(1), slow = quick;
  for (ClassModel& model : quick.classes) {
    model.base_seconds /= 1e3;
    model.macs_per_second *= 1e3;
    model.bytes_per_second *= 1e3;
  }
  quick.run_overhead_seconds /= 1e3;
  quick.cut_seconds_per_byte /= 1e3;
  for (ClassModel& model : slow.classes) {
    model.base_seconds *= 1e3;
    model.macs_per_second /= 1e3;
    model.bytes_per_second /= 1e3;
  }
  calibrate_pair(networks, 1, quick);
  CHECK(quick.streaming_factor > 1);
  CHECK(quick.split_factor > 1);
  calibrate_pair(networks, 1, slow);
  CHECK(slow.streaming_factor == 1);
  CHECK(slow.split_factor == 1);
}
