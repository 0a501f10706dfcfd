#include "tests/support/packages.hpp"

#include <algorithm>

#include "engine/engine.hpp"
#include "models/zoo.hpp"
#include "tests/support/deployment.hpp"

namespace dse::test {
namespace {

std::size_t devices_of(const Mapping& mapping) {
  std::size_t count = 0;
  for (const ReplicaMapping& replica : mapping.replicas)
    for (const Stage& stage : replica.stages)
      for (const std::size_t device : stage.devices) count = std::max(count, device + 1);
  return count;
}

std::vector<std::size_t> first_devices(std::size_t count) {
  std::vector<std::size_t> devices;
  for (std::size_t i = 0; i < count; ++i) devices.push_back(i);
  return devices;
}

}  // namespace

PackageMaker::PackageMaker(const std::string& zoo_name)
    : folder_("dse-test"), model_(folder_.path() / (zoo_name + ".onnx")) {
  zoo::make(zoo_name, model_);
  network_ = std::make_unique<Network>(Network::import(model_));
  reference_ = std::make_unique<deploy::Reference>(*network_, engine::Engine::instance());
}

Mapping PackageMaker::stages(std::size_t count) const {
  std::vector<LayerId> cuts;
  for (std::size_t i = 1; i < count; ++i) cuts.push_back(i * network_->layers().size() / count);
  return count == 1 ? single_device(*network_, 0) : contiguous(*network_, cuts, first_devices(count));
}

Mapping PackageMaker::replicas(std::size_t count) const {
  return replicated(*network_, first_devices(count), std::vector<std::int64_t>(count, 1));
}

fs::path PackageMaker::write(const Mapping& mapping, const std::string& name, const deploy::PackageOptions& options) {
  const Platform platform = local_platform(devices_of(mapping));
  check(mapping, *network_, platform);
  return deploy::write_package(*reference_, platform, lower(*network_, platform, mapping), {}, folder_.path() / name,
                               options)
      .path;
}

}  // namespace dse::test
