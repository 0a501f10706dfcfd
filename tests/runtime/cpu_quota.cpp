#include "runtime/cpu_quota.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <tuple>

#include "base/process.hpp"
#include "runtime/probes.hpp"
#include "runtime/probes_quota.hpp"
#include "runtime/process_facts.hpp"
#include "tests/runtime/power_support.hpp"
#include "tests/runtime/toy_package.hpp"

using namespace dse;
using runtime::cpu_quota;
using runtime::test::Tree;

TEST_CASE("a processor quota of version 2: the tightest of the group and its ancestors") {
  const Tree tree;
  CHECK_FALSE(cpu_quota(tree.root()).has_value());
  tree.set("proc/self/cgroup", "0::/system.slice/dse.service/inner");
  CHECK_FALSE(cpu_quota(tree.root()).has_value());
  const fs::path root = "sys/fs/cgroup", slice = root / "system.slice", own = slice / "dse.service/inner";
  tree.set(own / "cpu.max", "max 100000");
  CHECK_FALSE(cpu_quota(tree.root()).has_value());
  tree.set(own / "cpu.max", "150000 100000");
  tree.set(slice / "cpu.max", "20000 80000");
  CHECK(cpu_quota(tree.root())->cores == doctest::Approx(0.25));
  CHECK(cpu_quota(tree.root())->period_s == doctest::Approx(0.08));
  tree.set(own / "cpu.max", "5000 50000");
  CHECK(cpu_quota(tree.root())->cores == doctest::Approx(0.1));
  // Equally tight: the one with the longer stops.
  tree.set(own / "cpu.max", "25000 100000");
  CHECK(cpu_quota(tree.root())->period_s == doctest::Approx(0.1));
  // A container's own group is the root of what it sees, and its path that of another view.
  tree.set("proc/self/cgroup", "0::/../../other");
  tree.set(root / "cpu.max", "50000 100000");
  CHECK(cpu_quota(tree.root())->cores == doctest::Approx(0.5));
  for (const char* nonsense : {"", "50000", "0 100000", "-5 100000", "a b", "1 0", "1 2 3", "50000 100000000"}) {
    CAPTURE(nonsense);
    tree.set(root / "cpu.max", nonsense);
    CHECK_FALSE(cpu_quota(tree.root()).has_value());
  }
}

TEST_CASE("a processor quota of version 1, and processors enough that it stops nobody") {
  const Tree tree;
  const fs::path root = "sys/fs/cgroup/cpu,cpuacct";
  tree.set("proc/self/cgroup", "11:cpuset:/docker/a\n4:cpu,cpuacct:/docker/a\n0::/");
  tree.set("sys/fs/cgroup/cpuset/docker/a/cpu.cfs_quota_us", "1");
  tree.set("sys/fs/cgroup/cpuset/docker/a/cpu.cfs_period_us", "100000");
  tree.set(root / "docker/a/cpu.cfs_quota_us", "-1");
  tree.set(root / "docker/a/cpu.cfs_period_us", "100000");
  CHECK_FALSE(cpu_quota(tree.root()).has_value());
  tree.set(root / "docker/a/cpu.cfs_quota_us", "150000");
  CHECK(cpu_quota(tree.root())->cores == doctest::Approx(1.5));
  CHECK_FALSE(probes::binding_quota({0}, tree.root()).has_value());
  CHECK(probes::binding_quota({0, 1}, tree.root())->cores == doctest::Approx(1.5));
}

TEST_CASE("under a quota of a quarter core times come out four times longer, whatever the work") {
  constexpr double period = 0.1, share = 0.25;
  for (const double work : {1e-4, 3e-3, 0.017, 0.025, 0.06, 0.31, 3.0})
    for (const double already : {0.0, 0.011, 0.0249}) {
      CAPTURE(work);
      CAPTURE(already);
      double used = already;  // processor time; a period's is spent at once, then the thread is stopped until the next
      const auto clock = [&] {
        const double periods = std::floor(used / (share * period) + 1e-9);
        return periods * period + (used - periods * share * period);
      };
      const probes::Window window =
          probes::run_window(probes::least_window_s({share, period}), clock, [&] { used += work; });
      CHECK(window.seconds >= 20 * period);
      CHECK(window.mean() / work == doctest::Approx(4).epsilon(0.1));
    }
}

TEST_CASE("windows are spread over the budget, one a model at least") {
  CHECK(probes::least_window_s({0.25, 0.1}) == doctest::Approx(2));
  CHECK(probes::window_passes(60, 2, 10, 40) == 3);
  CHECK(probes::window_passes(60, 2, 31, 40) == 1);
  CHECK(probes::window_passes(1, 2, 1000, 40) == 1);
  CHECK(probes::window_passes(1e6, 2, 1, 40) == 40);
  CHECK(probes::window_passes(60, 2, 0, 0) == 1);
}

namespace {

// A control group with a quarter of a core, where this machine permits making one.
class QuarterCore {
 public:
  QuarterCore() {
    const std::string name = fmt::format("dse-test-{}", ::getpid());
    for (const auto& [folder, file, text] : {std::tuple("/sys/fs/cgroup", "cpu.max", "25000 100000"),
                                             std::tuple("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "25000")}) {
      group_ = fs::path(folder) / name;
      std::error_code failed;
      if (!fs::exists(fs::path(folder) / "cgroup.procs") || !fs::create_directory(group_, failed)) continue;
      std::ofstream limit(group_ / file);
      if (fs::exists(group_ / file) && limit << text << std::flush) return;
      fs::remove(group_, failed);
    }
    group_.clear();
  }
  ~QuarterCore() {
    std::error_code ignored;
    if (!group_.empty()) fs::remove(group_, ignored);
  }
  QuarterCore(const QuarterCore&) = delete;
  QuarterCore& operator=(const QuarterCore&) = delete;
  const fs::path& group() const { return group_; }

 private:
  fs::path group_;
};

probes::TimingReport probed(const fs::path& request, const std::string& before) {
  ProcessOptions options;
  options.argv = {
      "/bin/sh",       "-c", before + "exec \"$1\" timing \"$2\"", "sh", (executable_folder() / "dse-probe").string(),
      request.string()};
  options.deadline = std::chrono::seconds(120);
  const ProcessResult result = run_process(options);
  REQUIRE_MESSAGE(result.exit_code == 0, result.errors);
  return probes::timing_report_from_json(result.output);
}

}  // namespace

TEST_CASE("a probe in a control group with a quarter core is four times slower than outside") {
  const QuarterCore quarter;
  if (quarter.group().empty()) {
    MESSAGE("skipped: making a control group with a processor quota is not permitted here");
    return;
  }
  toy::Network network = toy::chain(4);
  network.shape = {4, 128, 128};
  const TempDir folder("dse-quota");
  toy::write_package(network, toy::lower(network, {{1, 1, 0, 0, {0, 0, 0, 0}}}, 1, toy::Pieces::whole), folder.path());
  probes::TimingRequest request;
  request.cpus = {runtime::affinity().front()};
  request.seconds = 1;
  request.most_passes = 400;
  for (const auto& file : fs::recursive_directory_iterator(folder.path()))
    if (file.path().extension() == ".onnx") request.chains = {{file.path().string()}};
  write_file(folder.path() / "request.json", probes::to_json(request));
  double ratio = 0;
  // Where others leave less than a quarter of the processor, the quota is not what stops the probe.
  for (int attempt = 0; attempt < 3 && std::abs(ratio / 4 - 1) > 0.1; ++attempt) {
    const auto free = probed(folder.path() / "request.json", "");
    const auto limited =
        probed(folder.path() / "request.json", "echo $$ > " + (quarter.group() / "cgroup.procs").string() + " && ");
    CHECK_FALSE(free.quota);
    CHECK(limited.quota);
    CHECK(limited.passes == 1);
    CHECK(limited.seconds >= 2);
    ratio = limited.chains[0][0].seconds / free.chains[0][0].seconds;
    MESSAGE("under a quarter core " << ratio << " times slower");
  }
  // The figure is the message's, since others may have the processor; one that dropped what the quota stopped would be
  // near 1.
  CHECK(ratio > 2);
}
