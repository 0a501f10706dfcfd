// What two real workers hold beside what a profile says of them.
#include "dse/commands/worker_memory.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace dse;

TEST_CASE("a profile whose constant holds what the workers told lacks nothing more") {
  DeviceProfile profile = generic_profile(1);
  profile.memory_base_bytes = 20e6;
  const double first = worker_memory_beside(profile);
  CHECK(first > 10e6);  // the engine and MPI alone
  profile.memory_base_bytes += first;
  constexpr double between_runs = 3e6;
  CHECK(std::abs(worker_memory_beside(profile)) < between_runs);
}
