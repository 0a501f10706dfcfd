#include "dse/commands/worker_memory.hpp"

#include <algorithm>

#include "dse/commands/two_workers.hpp"
#include "models/zoo.hpp"

namespace dse {

double worker_memory_beside(const DeviceProfile& profile) {
  const TempDir folder("dse-calibrate-worker");
  zoo::make("tiny", folder.path() / "tiny.onnx");
  const Network network = Network::import(folder.path() / "tiny.onnx");
  const Platform platform = two_workers(profile, 1);
  const Estimator estimator(network, platform);
  const Plan plan = lower(network, platform, contiguous(network, {network.layers().size() / 2}, {0, 1}));
  const Estimate estimate = estimator.estimate(plan);
  deploy::Reference reference(network, engine::Engine::instance());
  constexpr std::size_t frames = 32;
  const validator::Measurement measured = run_two_workers(reference, platform, plan, estimate, frames);
  double most = measured.devices[0].memory_bytes - estimate.devices[0].memory_bytes;
  for (std::size_t d = 1; d < measured.devices.size(); ++d)
    most = std::max(most, measured.devices[d].memory_bytes - estimate.devices[d].memory_bytes);
  return most;
}

}  // namespace dse
