// The built-in zoo: real topologies with seeded random weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.hpp"

namespace dse::zoo {

struct Entry {
  std::string name;         // "resnet50"
  std::string description;  // one line
};

const std::vector<Entry>& entries();

struct MakeOptions {
  std::uint64_t seed = 1;
  bool external_data = false;  // weights in <stem>.weights.bin beside the model
};

// What make() writes: the model, and the weights' file where they are external.
std::vector<fs::path> files(const fs::path& path, const MakeOptions& options);

// Writes the model. Throws Error(usage, ZOO-NAME) with a suggestion for an unknown name, Error(usage, ZOO-SIZE) where
// it would exceed 2 GiB.
void make(const std::string& name, const fs::path& path, const MakeOptions& options = {});

// Writes about 150 single layers side by side, each with inputs and outputs of its own, whose shapes fill the space of
// those that networks use: what a device is measured with for networks that it has not seen.
void make_calibration_shapes(const fs::path& path);

}  // namespace dse::zoo
