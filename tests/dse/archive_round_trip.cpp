// What is written to the archive is what is read from it, to the last bit.
#include <doctest/doctest.h>

#include <cmath>

#include "base/error.hpp"
#include "dse/archive/archive.hpp"
#include "tests/dse/archive_samples.hpp"

using namespace dse;
using namespace dse::archive;

namespace {

void check_equal(const DeviceEstimate& a, const DeviceEstimate& b) {
  CHECK(a.device == b.device);
  CHECK(a.used == b.used);
  CHECK(a.busy_s == b.busy_s);
  CHECK(a.communication_s == b.communication_s);
  CHECK(a.waiting_s == b.waiting_s);
  CHECK(a.nic_out_s == b.nic_out_s);
  CHECK(a.nic_in_s == b.nic_in_s);
  CHECK(a.memory_bytes == b.memory_bytes);
  CHECK(a.memory_load_bytes == b.memory_load_bytes);
  CHECK(a.memory_run_bytes == b.memory_run_bytes);
  CHECK(a.energy_j == b.energy_j);
  CHECK(a.weight_bytes == b.weight_bytes);
}

void check_equal(const Candidate& stored, const NewCandidate& given) {
  CHECK(stored.mapping_json == given.mapping_json);
  CHECK(stored.strategy == given.strategy);
  CHECK(stored.generation == given.generation);
  CHECK(stored.on_front == given.on_front);
  const Estimate& a = stored.estimate;
  const Estimate& b = given.estimate;
  CHECK(a.latency_s == b.latency_s);
  CHECK(a.period_s == b.period_s);
  CHECK(a.memory_max_bytes == b.memory_max_bytes);
  CHECK(a.energy_max_j == b.energy_max_j);
  CHECK(a.energy_sum_j == b.energy_sum_j);
  CHECK(a.device_count == b.device_count);
  CHECK(a.survivability == b.survivability);
  CHECK(a.tier == b.tier);
  CHECK(a.uncertainty == b.uncertainty);
  CHECK(a.energy_assumed == b.energy_assumed);
  CHECK(a.feasible == b.feasible);
  CHECK(a.reason == b.reason);
  CHECK(a.violation == b.violation);
  CHECK(a.bottleneck == b.bottleneck);
  REQUIRE(a.devices.size() == b.devices.size());
  for (std::size_t i = 0; i < a.devices.size(); ++i) check_equal(a.devices[i], b.devices[i]);
}

}  // namespace

TEST_CASE("a run comes back as it was given") {
  const TempDir folder("dse-archive");
  const RunInfo info = samples::run_info();
  {
    Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
    CHECK_FALSE(archive.newest_run());
    CHECK(archive.begin_run(info) == 1);
    archive.commit(1, samples::checkpoint(7, {}));
    archive.finish_run(1, "interrupted", R"({"front_size":0})");
    CHECK(archive.begin_run(info) == 2);
  }
  const Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::read_only);
  CHECK(archive.newest_run() == 2);
  REQUIRE(archive.runs().size() == 2);
  const std::optional<Run> run = archive.run(1);
  REQUIRE(run);
  CHECK(run->info.model_path == info.model_path);
  CHECK(run->info.model_name == info.model_name);
  CHECK(run->info.model_sha256 == info.model_sha256);
  CHECK(run->info.platform_path == info.platform_path);
  CHECK(run->info.platform_text == info.platform_text);
  CHECK(run->info.platform_sha256 == info.platform_sha256);
  CHECK(run->info.options_json == info.options_json);
  CHECK(run->info.argv == info.argv);
  CHECK(run->info.seed == info.seed);
  CHECK(run->info.versions_json == info.versions_json);
  CHECK(run->info.host_json == info.host_json);
  CHECK(run->status == "interrupted");
  CHECK(run->generation == 7);
  CHECK(run->evaluations == 700);
  CHECK(run->seconds == 1.75);
  CHECK(run->state == samples::checkpoint(7, {}).state);
  CHECK(run->summary_json == R"({"front_size":0})");
  CHECK(run->started.size() == std::string("2026-01-01T00:00:00Z").size());
  CHECK(archive.run(2)->status == "running");
  CHECK_FALSE(archive.run(3));
  CHECK(archive.device_names(1) == std::vector<std::string>{"nano0", "pi0"});
}

TEST_CASE("candidates come back as they were given, with ids that count through the whole file") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  const std::int64_t first = archive.begin_run(samples::run_info());
  const std::int64_t second = archive.begin_run(samples::run_info());
  archive.commit(first, samples::checkpoint(1, {samples::candidate(0), samples::candidate(1)}));
  archive.commit(second, samples::checkpoint(1, {samples::candidate(0)}));
  archive.commit(first, samples::checkpoint(2, {samples::candidate(2)}));
  const std::vector<Candidate> stored = archive.candidates(first);
  REQUIRE(stored.size() == 3);
  CHECK(stored[0].id == 1);
  CHECK(stored[1].id == 2);
  CHECK(stored[2].id == 4);
  for (int i = 0; i < 3; ++i) check_equal(stored[static_cast<std::size_t>(i)], samples::candidate(i));
  const std::optional<Candidate> other = archive.candidate(3);
  REQUIRE(other);
  CHECK(other->run == second);
  check_equal(*other, samples::candidate(0));
  CHECK_FALSE(archive.candidate(5));
}

TEST_CASE("a mapping is stored once a run, and enters and leaves the front") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  const std::int64_t run = archive.begin_run(samples::run_info());
  archive.commit(run, samples::checkpoint(1, {samples::candidate(0), samples::candidate(1)}));
  Checkpoint next = samples::checkpoint(2, {samples::candidate(1), samples::candidate(2), samples::candidate(2)});
  next.left_front = {samples::candidate(0).mapping_json, "a mapping that was never stored"};
  archive.commit(run, next);
  CHECK(archive.candidates(run).size() == 3);
  std::vector<Candidate> front = archive.front(run);
  REQUIRE(front.size() == 2);
  CHECK(front[0].id == 2);
  CHECK(front[1].id == 3);
  NewCandidate back = samples::candidate(0);
  archive.commit(run, samples::checkpoint(3, {back}));
  CHECK(archive.front(run).size() == 3);
}

TEST_CASE("an infeasible candidate keeps its reason, and figures that are no numbers") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  const std::int64_t run = archive.begin_run(samples::run_info());
  NewCandidate bad = samples::candidate(0);
  bad.on_front = false;
  bad.estimate.feasible = false;
  bad.estimate.reason = "device 'nano0' lacks 12.5 MiB";
  bad.estimate.violation = 0.25;
  bad.estimate.latency_s = std::nan("");
  bad.estimate.period_s = HUGE_VAL;
  archive.commit(run, samples::checkpoint(1, {bad}));
  const Candidate stored = archive.candidates(run).at(0);
  CHECK_FALSE(stored.estimate.feasible);
  CHECK(stored.estimate.reason == bad.estimate.reason);
  CHECK(stored.estimate.violation == 0.25);
  CHECK(std::isnan(stored.estimate.latency_s));
  CHECK(std::isinf(stored.estimate.period_s));
  CHECK(archive.front(run).empty());
  CHECK_FALSE(archive.knee(run, {Objective::latency}));
}

TEST_CASE("a feasible candidate without a latency is a defect of the caller, and nothing of its checkpoint is kept") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  const std::int64_t run = archive.begin_run(samples::run_info());
  NewCandidate bad = samples::candidate(1);
  bad.estimate.latency_s = std::nan("");
  CHECK_THROWS_AS(archive.commit(run, samples::checkpoint(1, {samples::candidate(0), bad})), Error);
  CHECK(archive.candidates(run).empty());
  CHECK(archive.run(run)->generation == 0);
  archive.commit(run, samples::checkpoint(1, {samples::candidate(0)}));
  CHECK(archive.candidates(run).size() == 1);
}

TEST_CASE("checkpoints and validations need their run and candidate") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  CHECK_THROWS_AS(archive.commit(1, samples::checkpoint(1, {samples::candidate(0)})), Error);
  CHECK_THROWS_AS(archive.finish_run(1, "done", ""), Error);
  CHECK_THROWS_AS(archive.add_validation(1, samples::validation()), Error);
  CHECK(archive.candidates(1).empty());
}

TEST_CASE("a validation comes back as it was given, and makes its candidate validated if its outputs were right") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  const std::int64_t run = archive.begin_run(samples::run_info());
  archive.commit(run, samples::checkpoint(1, {samples::candidate(0)}));
  Validation failed;
  failed.failure = "device pi0 (rank 1): killed by signal 9";
  archive.add_validation(1, failed);
  CHECK_FALSE(archive.candidate(1)->validated);
  const Validation given = samples::validation();
  archive.add_validation(1, given);
  CHECK(archive.candidate(1)->validated);
  const std::vector<Validation> stored = archive.validations(1);
  REQUIRE(stored.size() == 2);
  CHECK(stored[0].failure == failed.failure);
  const Validation& v = stored[1];
  CHECK(v.ok);
  CHECK(v.failure.empty());
  CHECK(v.max_relative_output_error == given.max_relative_output_error);
  CHECK(v.tolerance == given.tolerance);
  CHECK(v.frames == given.frames);
  CHECK(v.latency_estimated_s == given.latency_estimated_s);
  CHECK(v.latency_measured_s == given.latency_measured_s);
  CHECK(v.period_estimated_s == given.period_estimated_s);
  CHECK(v.period_measured_s == given.period_measured_s);
  CHECK(v.memory_estimated_bytes == given.memory_estimated_bytes);
  CHECK(v.memory_measured_bytes == given.memory_measured_bytes);
  CHECK(v.energy_estimated_j == given.energy_estimated_j);
  CHECK_FALSE(v.energy_measured_j);
  CHECK(v.provenance_json == given.provenance_json);
  REQUIRE(v.devices.size() == 2);
  CHECK(v.devices[0].device == "nano0");
  CHECK(v.devices[0].busy_estimated_s == 0.003);
  CHECK(v.devices[0].busy_measured_s == 0.002);
  CHECK(v.devices[0].memory_estimated_bytes == 1e8);
  CHECK(v.devices[0].memory_measured_bytes == 8e7);
  CHECK(v.devices[0].energy_estimated_j == 0.25);
  CHECK(v.devices[0].energy_measured_j == 0.2);
  CHECK_FALSE(v.devices[1].energy_measured_j);
  REQUIRE(v.steps.size() == 2);
  CHECK(v.steps[1].device == "nano0");
  CHECK(v.steps[1].name == "pool1 to pi0");
  CHECK(v.steps[1].kind == "send");
  CHECK(v.steps[1].estimated_s == 0.0001);
  CHECK(v.steps[1].measured_s == 0.0002);
}

TEST_CASE("a finished run is in the file itself: copying it without its log loses nothing") {
  const TempDir folder("dse-archive");
  Archive archive = Archive::open(folder.path() / "a.db", Archive::Mode::create_or_open);
  const std::int64_t run = archive.begin_run(samples::run_info());
  archive.commit(run, samples::checkpoint(1, {samples::candidate(0), samples::candidate(1)}));
  archive.finish_run(run, "done", "");
  fs::copy_file(folder.path() / "a.db", folder.path() / "copy.db");
  CHECK(Archive::open(folder.path() / "copy.db", Archive::Mode::read_only).front(run).size() == 2);
}
