// Many random cases: the law that whatever the mapping, a deployment's outputs equal the undivided network's.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "tests/support/random_case.hpp"

namespace dse::test {

struct RandomFailure {
  RandomCase found;
  std::string reason;
};

struct RandomRunResult {
  std::size_t networks = 0;
  std::size_t cases = 0;
  std::size_t layers = 0;  // of the networks together
  std::size_t wrong = 0;
  std::size_t tampered = 0;             // cases run again with one transfer changed
  std::size_t unseen = 0;               // of those, the ones whose outputs were exact all the same
  double worst_error = 0;               // relative, of the exact ones
  double worst_excess = 0;              // error ÷ tolerance, of the exact ones
  std::vector<RandomFailure> failures;  // the first few
  std::vector<RandomCase> blind;        // the first few that did not see a changed transfer
  std::size_t dead = 0;                 // networks left out: an output does not depend on the frame
  std::vector<std::string> refused;     // networks that the importer refused: none may be
};
std::ostream& operator<<(std::ostream& out, const RandomRunResult& result);

struct RandomRunOptions {
  std::size_t cases = 2000;
  std::size_t per_network = 8;  // an import costs as much as several cases
  std::size_t tamper_every = 20;
  std::uint64_t seed = 1;
  std::function<void(const RandomRunResult&)> progress = [](const RandomRunResult&) {};  // after each network
};

RandomRunResult random_run(const RandomRunOptions& options);

// The smallest case found that fails in the same way.
RandomCase shrunk(const RandomFailure& failure);

}  // namespace dse::test
