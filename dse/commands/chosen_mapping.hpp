// The mapping that estimate and deploy are asked for: one that someone wrote, or the best of a strategy.
#pragma once

#include <vector>

#include "dse/command.hpp"
#include "estimator/estimate.hpp"
#include "partition/mapping.hpp"

namespace dse {

// --mapping, --strategy, --devices, --split, --halo, --wire and --write-mapping.
std::vector<OptionSpec> mapping_options();

// True where an option of mapping_options() was given.
bool asks_for_mapping(const Arguments& arguments);

// Reads --mapping or builds --strategy, and writes it where --write-mapping says. Throws Error(usage, USAGE |
// STRATEGY-... | DEVICE | OUTPUT-EXISTS), and what read_mapping() throws.
Mapping chosen_mapping(const Arguments& arguments, const Estimator& estimator, Console& console);

}  // namespace dse
