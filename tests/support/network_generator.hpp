// Draws random networks: branches, skips, every operator family, odd sizes; always valid, and small.
#pragma once

#include <cstdint>

#include "tests/support/network_spec.hpp"

namespace dse::test {

// One or two inputs, 6 to 16 nodes, one to three outputs; every node is needed by one.
NetworkSpec draw_network(std::uint64_t seed);

}  // namespace dse::test
