#include "deploy/ranks.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "base/error.hpp"
#include "deploy/launch_files.hpp"

using namespace dse;

namespace {

Platform platform_of(const std::vector<std::pair<std::string, int>>& hosts) {
  Platform platform;
  for (const auto& [host, cores] : hosts) {
    Device device;
    device.name = "d" + std::to_string(platform.devices.size());
    device.host = host;
    device.cores = cores;
    platform.devices.push_back(device);
  }
  return platform;
}

// Devices in `busy` have a lane; replica 0 goes from the first of them to the last.
program::ProgramSet programs_of(std::size_t devices, const std::vector<std::size_t>& busy) {
  program::ProgramSet set;
  for (std::size_t i = 0; i < devices; ++i) {
    program::Program program;
    program.device = "d" + std::to_string(i);
    program.index = i;
    set.programs.push_back(program);
    set.deployment.devices.push_back(program.device);
  }
  for (std::size_t i = 0; i < busy.size(); ++i) {
    program::Lane lane;
    if (i > 0) {
      program::Step receive;
      receive.kind = program::StepKind::receive;
      receive.peer = busy[i - 1];
      lane.steps.push_back(receive);
    }
    set.programs[busy[i]].lanes.push_back(lane);
  }
  set.deployment.replicas.push_back({1, 2, {busy.front()}, busy.back()});
  return set;
}

}  // namespace

TEST_CASE("local ranks get disjoint cores in order") {
  const Platform platform = platform_of({{"localhost", 1}, {"localhost", 2}, {"localhost", 1}});
  const deploy::Ranks ranks = deploy::assign_ranks(platform, programs_of(3, {0, 1, 2}), 4);
  REQUIRE(ranks.ranks.size() == 3);
  CHECK(ranks.ranks[0].cores == std::vector<int>{0});
  CHECK(ranks.ranks[1].cores == std::vector<int>{1, 2});
  CHECK(ranks.ranks[2].cores == std::vector<int>{3});
  CHECK_FALSE(ranks.oversubscribed);
  CHECK(ranks.local_cores == 4);
}

TEST_CASE("too many local ranks share the cores round-robin and say so") {
  const Platform platform = platform_of({{"localhost", 1}, {"localhost", 2}, {"localhost", 4}});
  const deploy::Ranks ranks = deploy::assign_ranks(platform, programs_of(3, {0, 1, 2}), 2);
  CHECK(ranks.ranks[0].cores == std::vector<int>{0});
  CHECK(ranks.ranks[1].cores == std::vector<int>{0, 1});
  CHECK(ranks.ranks[2].cores == std::vector<int>{0, 1});
  CHECK(ranks.oversubscribed);
  CHECK(ranks.local_cores == 2);
}

TEST_CASE("devices without work have no rank") {
  const Platform platform = platform_of({{"localhost", 1}, {"board1", 4}, {"board1", 2}, {"localhost", 1}});
  const program::ProgramSet programs = programs_of(4, {0, 2, 3});
  const deploy::Ranks ranks = deploy::assign_ranks(platform, programs, 2);
  REQUIRE(ranks.ranks.size() == 3);
  CHECK(ranks.ranks[1].device == 2);
  CHECK(ranks.ranks[1].cores == std::vector<int>{0, 1});
  CHECK_FALSE(ranks.oversubscribed);
  const program::ProgramSet dense = deploy::renumber(programs, ranks);
  CHECK(dense.deployment.devices == std::vector<std::string>{"d0", "d2", "d3"});
  CHECK(dense.programs[1].index == 1);
  CHECK(dense.programs[1].lanes[0].steps[0].peer == 0);
  CHECK(dense.programs[2].lanes[0].steps[0].peer == 1);
  CHECK(dense.deployment.replicas[0].sources == std::vector<std::size_t>{0});
  CHECK(dense.deployment.replicas[0].sink == 2);
}

TEST_CASE("a peer without work is noticed") {
  const Platform platform = platform_of({{"localhost", 1}, {"localhost", 1}});
  program::ProgramSet programs = programs_of(2, {0});
  programs.deployment.replicas[0].sink = 1;
  CHECK_THROWS_AS(deploy::renumber(programs, deploy::assign_ranks(platform, programs, 2)), Error);
}

TEST_CASE("launch files name hosts, users and cores") {
  Platform platform = platform_of({{"localhost", 1}, {"localhost", 1}, {"board1", 2}});
  platform.devices[2].user = "edge";
  const deploy::Ranks ranks = deploy::assign_ranks(platform, programs_of(3, {0, 1, 2}), 2);
  CHECK(deploy::hostfile_text(ranks) == "localhost slots=2\nboard1 slots=1 username=edge\n");
  CHECK(deploy::rankfile_text(ranks) == "rank 0=localhost slot=0\nrank 1=localhost slot=1\nrank 2=board1 slot=0,1\n");
  const std::string script = deploy::run_script(ranks);
  CHECK(script.find("\nranks=3\n") != std::string::npos);
  CHECK(script.find("\nall_local=no\n") != std::string::npos);
  CHECK(script.find('@' + std::string("RANKS")) == std::string::npos);
}
