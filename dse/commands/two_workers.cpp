#include "dse/commands/two_workers.hpp"

#include <fmt/format.h>

#include <memory>

#include "base/error.hpp"
#include "deploy/package.hpp"
#include "dse/command.hpp"
#include "dse/commands/subject.hpp"
#include "validator/launch.hpp"

namespace dse {

Platform two_workers(const DeviceProfile& profile, int cores) {
  Platform platform =
      parse_platform(fmt::format("dse: platform/1\nname: two-workers\ninput: worker0\noutput: worker1\ndevices:\n"
                                 "  - {{name: worker0, host: localhost, cores: {0}, memory: 1024 GiB}}\n"
                                 "  - {{name: worker1, host: localhost, cores: {0}, memory: 1024 GiB}}\n",
                                 cores),
                     "two workers");
  const auto shared = std::make_shared<const DeviceProfile>(profile);
  for (Device& device : platform.devices) device.profile = shared;
  return platform;
}

validator::Measurement run_two_workers(deploy::Reference& reference, const Platform& workers, const Plan& plan,
                                       const Estimate& estimate, std::size_t frames) {
  const TempDir folder("dse-calibrate-workers");
  const fs::path package = folder.path() / "package";
  deploy::write_package(reference, workers, plan, manifest_estimate(workers, estimate), package, {});
  validator::MeasureOptions options;
  options.worker = validator::find_worker();
  options.compare_outputs = false;
  options.power_sensor = "none";
  options.rounds = 1;
  options.frames = frames;
  options.cancelled = [] { return interrupted(); };
  validator::Measurement measured = validator::measure(package, options);
  if (measured.exit == ExitCode::interrupted)
    throw Error(ExitCode::interrupted, "INTERRUPTED", "interrupted; nothing was written");
  if (!measured.ran || measured.devices.size() != workers.devices.size())
    throw Error(ExitCode::device, "CALIBRATE-WORKER", "two local workers did not run: " + measured.failure);
  return measured;
}

}  // namespace dse
