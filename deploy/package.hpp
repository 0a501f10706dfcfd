// Writes the package of a plan: one folder that the workers run. DESIGN section 6.
//
// The bytes depend on the network, the platform, the plan, the estimate, the options and the engine's version only; the
// rankfile also on how many cores this machine has.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "deploy/golden.hpp"
#include "deploy/ranks.hpp"
#include "deploy/reference.hpp"
#include "partition/plan.hpp"
#include "platform/platform.hpp"
#include "program/manifest.hpp"

namespace dse::deploy {

struct PackageOptions {
  bool force = false;  // replace a package that is there
  GoldenOptions golden;
  program::WaitPolicy wait;         // how the workers wait
  int local_cores = 0;              // of the machine that local ranks run on; 0: of this one
  std::function<bool()> cancelled;  // polled between files; true ends with Error(interrupted, INTERRUPTED)
};

struct PackageReport {
  fs::path path;  // absolute
  Ranks ranks;
  std::uint64_t bytes = 0;  // of all files
  std::size_t files = 0;
  program::Golden golden;
  std::vector<std::string> warnings;
};

// The plan must be of reference.network() and the platform. `estimate`: its devices by platform index, or empty.
// Throws what PackageFolder and the engine throw; then nothing is left behind.
PackageReport write_package(Reference& reference, const Platform& platform, const Plan& plan,
                            const program::Estimate& estimate, const fs::path& place,
                            const PackageOptions& options = {});

}  // namespace dse::deploy
