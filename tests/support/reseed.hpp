// Networks whose weights are constant fills are blind to a wrong cut: this gives them seeded random ones.
#pragma once

#include <cstdint>

#include "base/files.hpp"
#include "models/network.hpp"

namespace dse::test {

// Writes `network` to `path` with every constant-filled float weight replaced by seeded values of a scale that keeps
// activations alive (He for convolutions and Gemm; normalisation parameters near one and zero). Returns how many
// weights were replaced.
std::size_t write_reseeded(const Network& network, const fs::path& path, std::uint64_t seed);

}  // namespace dse::test
