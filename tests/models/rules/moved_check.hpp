// One small network through check_parts: what the tests of operator rules that move data have in common.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse::test {

// Moved data is the same to the last bit. whole_layers: how many layers should have no rule.
inline void check_moved(const std::string& name, const OnnxBuild& build, std::size_t whole_layers = 0,
                        std::size_t rounds = 16) {
  CAPTURE(name);
  const SmallNetwork network(name, build.serialised());
  const PartCheck result = check_parts(*network, 11, rounds);
  CHECK(result.whole_layers == whole_layers);
  CHECK(result.parts >= (network->layers().size() - whole_layers) * rounds);
  CHECK(result.worst_error == 0);
  for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
}

}  // namespace dse::test
