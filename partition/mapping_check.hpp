// check() for readers that know where each stage stands in a file; for partition/mapping*.cpp only.
#pragma once

#include <functional>
#include <optional>

#include "base/error.hpp"
#include "partition/mapping.hpp"

namespace dse {

// The place of a replica, or of one of its stages.
using Locate = std::function<Place(std::size_t replica, std::optional<std::size_t> stage)>;

void check(const Mapping& mapping, const Network& network, const Platform& platform, const Locate& locate);

// Stages sorted by their first layer: two mappings that decide the same compare equal.
Mapping canonical(Mapping mapping);

inline const std::vector<std::string> split_names{"none", "channels", "inputs", "rows", "tiles", "batch"};
inline const std::vector<std::string> halo_names{"exchange", "recompute"};
inline const std::vector<std::string> wire_names(program::wire_names.begin(), program::wire_names.end());

}  // namespace dse
