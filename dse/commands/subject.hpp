// What deploy and validate work on: the network, the platform and the mapping of a stored candidate, or of files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dse/archive/archive.hpp"
#include "dse/command.hpp"
#include "estimator/estimate.hpp"
#include "models/network.hpp"
#include "partition/mapping.hpp"
#include "platform/platform.hpp"
#include "program/manifest.hpp"

namespace dse {

struct Subject {
  std::unique_ptr<const Network> network;
  Platform platform;
};

// The network and platform of a run, as stored: the model is read again from where it was (or --model) and must be the
// same, byte by byte; the platform is the stored text, its profiles read again. Throws Error(bad_input, MODEL-CHANGED |
// MODEL-...), PLATFORM-....
Subject reopen(const archive::Run& run, const Arguments& arguments, Console& console);

// --model FILE: where the run's model lies now.
OptionSpec moved_model_option();

// True for a file that begins as SQLite's do.
bool is_archive(const fs::path& path);

// The estimate as a package's manifest keeps it: devices by platform index.
program::Estimate manifest_estimate(const Platform& platform, const Estimate& estimate);

// The platform as a run on this machine alone finds it: where every device is local, networks with declared figures
// carry messages as fast as this machine's own transport. `changed`: their names.
Platform as_run_locally(const Platform& platform, std::vector<std::string>& changed);

}  // namespace dse
