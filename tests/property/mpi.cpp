// What holds in process holds over real MPI: many packages, one mpirun for each number of ranks.
#include <doctest/doctest.h>

#include <iostream>
#include <map>

#include "deploy/package.hpp"
#include "partition/plan.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/mappings.hpp"
#include "tests/support/packages.hpp"
#include "validator/launch.hpp"

using namespace dse;
using namespace dse::test;

TEST_CASE("over a hundred mappings are exact over real MPI") {
  PackageMaker maker;
  Random random(23);
  std::map<std::size_t, std::vector<fs::path>> by_ranks;
  const auto add = [&](const Mapping& mapping, std::size_t devices) {
    const Platform platform = local_platform(devices);
    check(mapping, maker.network(), platform);
    const auto name = "p" + std::to_string(random());
    const deploy::PackageReport report = deploy::write_package(
        maker.reference(), platform, lower(maker.network(), platform, mapping), {}, maker.folder() / name);
    by_ranks[report.ranks.ranks.size()].push_back(report.path);
  };
  for (std::size_t i = 0; i < 30; ++i) {
    const std::size_t devices = 2 + i % 3;
    add(random_contiguous(maker.network(), devices, devices, random), devices);
    add(random_free(maker.network(), devices, random), devices);
    add(random_hybrids(maker.network(), devices, random), devices);
    if (i % 3 == 0) add(random_replicas(maker.network(), devices, random), devices);
  }
  for (const NamedMapping& named : strategies(maker.network(), 3, {2, 1, 1})) add(named.mapping, 3);
  std::size_t count = 0;
  for (const auto& [ranks, packages] : by_ranks) {
    validator::Launch launch;
    launch.packages = packages;
    launch.worker = validator::find_worker();
    launch.arguments = {"--check", "--frames", "4"};
    launch.deadline = std::chrono::minutes(5);
    const validator::Outcome outcome = validator::launch(launch);
    CHECK_MESSAGE(outcome.exit == ExitCode::done, ranks, " ranks: ", outcome.failure);
    std::cout << packages.size() << " packages over " << ranks << " ranks: " << outcome.seconds << " s" << std::endl;
    count += packages.size();
  }
  CHECK(count >= 100);
}
