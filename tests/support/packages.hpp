// A small network and packages of it, for the suites of deploy, validator and the worker.
#pragma once

#include <memory>
#include <string>

#include "base/files.hpp"
#include "deploy/package.hpp"
#include "deploy/reference.hpp"
#include "models/network.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"

namespace dse::test {

// A zoo network with seeded weights, in a folder of its own, and its reference. One engine thread.
class PackageMaker {
 public:
  explicit PackageMaker(const std::string& zoo_name = "tiny");

  const Network& network() const { return *network_; }
  deploy::Reference& reference() { return *reference_; }
  const fs::path& folder() const { return folder_.path(); }
  const fs::path& model() const { return model_; }

  // `count` stages of about equally many layers, on the first devices of a platform of local devices.
  Mapping stages(std::size_t count) const;
  Mapping replicas(std::size_t count) const;
  // Writes folder()/name and returns its path.
  fs::path write(const Mapping& mapping, const std::string& name, const deploy::PackageOptions& options = {});

 private:
  TempDir folder_;
  fs::path model_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<deploy::Reference> reference_;
};

}  // namespace dse::test
