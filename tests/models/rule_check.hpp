// The check that tests of operator rules make of each configuration.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "tests/support/networks.hpp"
#include "tests/support/onnx_build.hpp"
#include "tests/support/part_check.hpp"

namespace dse::test {

struct Expected {
  std::size_t whole_layers = 0;
  std::size_t sums = 0;
};

inline void check_rule(const std::string& name, const OnnxBuild& build, Expected expected = {}) {
  CAPTURE(name);
  try {
    const SmallNetwork network("rule", build.serialised());
    const PartCheck result = check_parts(*network, 11, 40);
    CHECK(result.whole_layers == expected.whole_layers);
    CHECK(result.sums == expected.sums);
    if (expected.whole_layers == 0) CHECK(result.parts >= 40);
    for (const std::string& complaint : result.complaints) FAIL_CHECK(complaint);
  } catch (const std::exception& error) {
    FAIL_CHECK(error.what());
  }
}

constexpr Expected whole{1, 0};
constexpr Expected summed{0, 1};

}  // namespace dse::test
