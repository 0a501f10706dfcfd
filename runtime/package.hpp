// A package as a worker reads it: every program is checked, only the own device's models are loaded.
#pragma once

#include <vector>

#include "base/files.hpp"
#include "engine/engine.hpp"
#include "program/manifest.hpp"
#include "program/program.hpp"

namespace dse::runtime {

struct Package {
  fs::path folder;
  program::Manifest manifest;
  program::ProgramSet set;
};

// Reads and checks manifest.json, deployment.json and all programs, these by their hashes too. Throws Error(bad_input).
Package read_package(const fs::path& folder);

// A file that the manifest lists, mapped. Error(bad_input, PACKAGE-FILE) where it has another size than listed.
MappedFile package_file(const Package& package, const std::string& relative);

// Sessions of all segments of a device, by segment, the weights mapped from the package.
std::vector<engine::Session> load_sessions(const Package& package, std::size_t device, const engine::Engine& engine);

// Bytes of the device's model folder, from the manifest.
std::uint64_t model_bytes(const Package& package, std::size_t device);

// DESIGN section 6: no frame finished within max(10 s, 5 × estimate + 3 s).
double progress_deadline(const program::Estimate& estimate);

// Longest time for starting: 60 s, and what reading the models takes at 10 MB/s.
double start_deadline(std::uint64_t model_bytes);

}  // namespace dse::runtime
