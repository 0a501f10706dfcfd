#include "dse/commands/worker_memory.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "deploy/package.hpp"
#include "deploy/reference.hpp"
#include "dse/command.hpp"
#include "dse/commands/subject.hpp"
#include "estimator/estimate.hpp"
#include "models/zoo.hpp"
#include "partition/plan.hpp"
#include "validator/launch.hpp"
#include "validator/measure.hpp"

namespace dse {
namespace {

Platform two_workers(const DeviceProfile& profile) {
  Platform platform = parse_platform(
      "dse: platform/1\nname: two-workers\ninput: worker0\noutput: worker1\ndevices:\n"
      "  - {name: worker0, host: localhost, cores: 1, memory: 1024 GiB}\n"
      "  - {name: worker1, host: localhost, cores: 1, memory: 1024 GiB}\n",
      "two workers");
  const auto shared = std::make_shared<const DeviceProfile>(profile);
  for (Device& device : platform.devices) device.profile = shared;
  return platform;
}

}  // namespace

double worker_memory_beside(const DeviceProfile& profile) {
  const TempDir folder("dse-calibrate-worker");
  zoo::make("tiny", folder.path() / "tiny.onnx");
  const Network network = Network::import(folder.path() / "tiny.onnx");
  const Platform platform = two_workers(profile);
  const Estimator estimator(network, platform);
  const Plan plan = lower(network, platform, contiguous(network, {network.layers().size() / 2}, {0, 1}));
  const Estimate estimate = estimator.estimate(plan);
  deploy::Reference reference(network, engine::Engine::instance());
  deploy::write_package(reference, platform, plan, manifest_estimate(platform, estimate), folder.path() / "package",
                        {});
  validator::MeasureOptions options;
  options.worker = validator::find_worker();
  options.compare_outputs = false;
  options.power_sensor = "none";
  options.rounds = 1;
  options.frames = 32;
  options.cancelled = [] { return interrupted(); };
  const validator::Measurement measured = validator::measure(folder.path() / "package", options);
  if (measured.exit == ExitCode::interrupted)
    throw Error(ExitCode::interrupted, "INTERRUPTED", "interrupted; nothing was written");
  if (!measured.ran || measured.devices.size() != platform.devices.size())
    throw Error(ExitCode::device, "CALIBRATE-WORKER", "two local workers did not run: " + measured.failure);
  double most = measured.devices[0].memory_bytes - estimate.devices[0].memory_bytes;
  for (std::size_t d = 1; d < measured.devices.size(); ++d)
    most = std::max(most, measured.devices[d].memory_bytes - estimate.devices[d].memory_bytes);
  return most;
}

}  // namespace dse
