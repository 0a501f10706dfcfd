// The golden tensors of a package: inputs, and what the undivided network makes of them.
#pragma once

#include <cstddef>

#include "deploy/package_folder.hpp"
#include "deploy/reference.hpp"
#include "partition/plan.hpp"
#include "program/manifest.hpp"

namespace dse::deploy {

struct GoldenOptions {
  std::size_t frames = 0;  // 0: max(4, 2 x replicas)
  bool cuts = true;        // also the tensors that cross between devices
};

// The frames that a package of this plan holds: at least max(4, 2 x replicas), so that each replica serves more than
// one.
std::size_t golden_frames(const Plan& plan, const GoldenOptions& options);

// Writes golden/*.bin and describes them.
program::Golden write_golden(PackageFolder& folder, Reference& reference, const Plan& plan,
                             const GoldenOptions& options = {});

}  // namespace dse::deploy
