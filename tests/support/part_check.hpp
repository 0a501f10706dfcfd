// The law of operator rules: a part of a layer, computed by its sub-model from what the rule says that it needs, equals
// that part of the whole. Compiled into dse_test_networks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "models/network.hpp"

namespace dse::test {

struct PartCheck {
  std::size_t parts = 0;                // computed and compared
  std::size_t whole_layers = 0;         // layers without a rule
  std::size_t sums = 0;                 // layers computed as partial results and their sum
  double worst_error = 0;               // relative to the tensor's largest magnitude
  std::vector<std::string> complaints;  // what was wrong: empty
};

// Random parts of every layer, `rounds` of each, against the undivided network run by the same engine on seeded inputs.
PartCheck check_parts(const Network& network, std::uint64_t seed, std::size_t rounds);

}  // namespace dse::test
