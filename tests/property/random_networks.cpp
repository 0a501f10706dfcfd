// Random networks on random platforms under random mappings: outputs equal the undivided network's.
#include <doctest/doctest.h>

#include <iostream>

#include "tests/support/random_run.hpp"

using namespace dse::test;

TEST_CASE("random networks are exact under random hybrid mappings") {
  const RandomRunResult result = random_run({.cases = 2000});
  std::cout << "random networks: " << result << std::endl;
  CHECK(result.cases == 2000);
  for (const std::string& refused : result.refused) FAIL_CHECK("the importer refuses a valid network: ", refused);
  for (const RandomFailure& failure : result.failures)
    FAIL_CHECK(failure.reason, "; as small as it gets, for regressions.cpp:\n", to_json(shrunk(failure)));
  CHECK(result.wrong == 0);
  CHECK(result.tampered >= 50);
  for (const RandomCase& one : result.blind) FAIL_CHECK("a changed transfer was not seen: ", to_json(one));
}
