// Cuts a network in many ways and runs each in process against the undivided network; also shows that a wrong cut would
// be seen.
#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "models/network.hpp"
#include "tests/support/mappings.hpp"

namespace dse::test {

struct SweepOptions {
  std::size_t cuts = 0;          // two-stage cut positions, evenly spread; 0: every one
  std::size_t three_stages = 4;  // random contiguous
  std::size_t four_devices = 4;  // random, branches on different devices
  std::size_t replicas = 1;      // random replicas of random pipelines
  std::size_t hybrids = 0;       // random stages, each split in a random way
  bool strategies = false;       // the pure strategies and two hybrids, over 2, 3 and 4 devices, equal and 3:1 shares
  std::size_t frames = 4;        // different ones, in flight together as the mapping allows
  std::uint64_t seed = 1;
};

// One strategy over 2, 3 and 4 devices with equal and 3:1 shares.
struct StrategyRow {
  std::string name;
  std::size_t cases = 0;
  std::size_t wrong = 0;
  double worst_excess = 0;                   // error ÷ tolerance
  std::size_t split_layers = 0;              // of stages that are split: over two devices, equal shares
  std::size_t whole_layers = 0;              // of those, computed on one device all the same
  double whole_work = 0;                     // their fraction of the stages' arithmetic
  std::map<std::string, std::size_t> kinds;  // operator types of the whole layers
};

struct SweepResult {
  std::size_t cases = 0;
  std::size_t wrong = 0;      // cases whose outputs were not exact
  std::size_t tampered = 0;   // cases run again with two slices of a transfer swapped
  std::size_t unseen = 0;     // of those, the ones whose outputs were still exact
  double worst_error = 0;     // relative, over the cases
  double worst_excess = 0;    // error ÷ tolerance
  std::string first_failure;  // the mapping, for people
  std::vector<StrategyRow> rows;
};

SweepResult sweep(const Network& network, const SweepOptions& options);
std::ostream& operator<<(std::ostream& out, const SweepResult& result);
// Markdown, a line a strategy.
void print_rows(std::ostream& out, const std::string& network, const SweepResult& result);

}  // namespace dse::test
