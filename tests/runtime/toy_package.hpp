// Packages of the toy networks, with real models: what dse-worker runs in these tests.
#pragma once

#include "base/files.hpp"
#include "base/process.hpp"
#include "program/manifest.hpp"
#include "tests/runtime/toy.hpp"

namespace dse::toy {

struct PackageOptions {
  std::size_t golden_frames = 4;
  std::function<void(program::Manifest&)> change;                            // before it is written
  std::function<void(std::vector<std::int64_t>&, std::size_t frame)> spoil;  // of a frame's first golden output
};

// Writes the package of `set`, which lower() made from `network`.
void write_package(const Network& network, const program::ProgramSet& set, const fs::path& folder,
                   const PackageOptions& options = {});

// mpirun with dse-worker on `ranks` local ranks.
ProcessOptions worker_command(std::size_t ranks, const std::vector<std::string>& arguments);

}  // namespace dse::toy
