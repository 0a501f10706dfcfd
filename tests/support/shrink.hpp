// Makes a failing case small while it still fails.
#pragma once

#include <cstddef>
#include <functional>

#include "tests/support/random_case.hpp"

namespace dse::test {

using Fails = std::function<bool(const RandomCase&)>;

// Drops nodes, inputs, outputs, attributes, replicas, stages and devices one after another; at most `tries` cases are
// run.
RandomCase shrink(RandomCase failing, const Fails& fails, std::size_t tries = 1500);

}  // namespace dse::test
