#include "validator/launch.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/process.hpp"
#include "base/sha256.hpp"
#include "deploy/verify.hpp"
#include "program/manifest.hpp"
#include "tests/support/packages.hpp"
#include "tests/validator/processes.hpp"
#include "validator/measure.hpp"
#include "validator/orphans.hpp"
#include "validator/report.hpp"

using namespace dse;
using namespace std::chrono_literals;

namespace {

test::PackageMaker& maker() {
  static test::PackageMaker instance;
  return instance;
}

fs::path two_stages() {
  static const fs::path path = maker().write(maker().stages(2), "two");
  return path;
}

fs::path worker() {
  const char* folder = std::getenv("DSE_BIN_DIR");
  return folder != nullptr ? fs::path(folder) / "dse-worker" : validator::find_worker();
}

validator::Outcome run(const fs::path& package, std::vector<std::string> arguments) {
  return validator::launch({{package}, worker(), std::move(arguments), 120s, {}});
}

// A run that does not end by itself, and what came of it.
struct Endless {
  std::atomic<bool> cancel{false};
  std::future<validator::Outcome> outcome;
  explicit Endless(const fs::path& package)
      : outcome(std::async(std::launch::async, [this, package] {
          return validator::launch(
              {{package}, worker(), {"--frames", "100000000"}, 300s, [this] { return cancel.load(); }});
        })) {}
};

// A copy of a package with two bytes of a weight exchanged for others, and hashes that hide it.
fs::path tampered(const fs::path& original, const std::string& name) {
  const fs::path copy = maker().folder() / name;
  fs::copy(original, copy, fs::copy_options::recursive);
  program::Manifest manifest = deploy::read_package(copy).manifest;
  const std::string path = "models/" + manifest.model_folders[0] + "/weights.bin";
  std::string bytes = read_text(copy / path, 1u << 30);
  // Two whole floats of the first filter: their exponents move too.
  std::swap_ranges(bytes.begin(), bytes.begin() + 64, bytes.begin() + 64);
  REQUIRE(sha256_hex(bytes) != manifest.files.at(path).sha256);
  write_file(copy / path, bytes);
  manifest.files.at(path).sha256 = sha256_hex(bytes);
  write_file(copy / "manifest.json", program::to_json(manifest));
  return copy;
}

}  // namespace

TEST_CASE("a package runs on one, two and four ranks and is right") {
  for (const std::size_t ranks : {1, 2, 4}) {
    CAPTURE(ranks);
    const fs::path package = maker().write(maker().stages(ranks), "stages" + std::to_string(ranks));
    const validator::Outcome outcome = run(package, {"--check", "--verify-cuts"});
    CAPTURE(outcome.failure);
    REQUIRE(outcome.exit == ExitCode::done);
    const auto devices = deploy::read_package(package).programs.deployment.devices;
    const std::vector<validator::Report> reports = validator::parse_reports(outcome.output, devices);
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].ok);
    CHECK(reports[0].devices.size() == ranks);
    REQUIRE(reports[0].max_relative_output_error.has_value());
    CHECK(*reports[0].max_relative_output_error <= 1e-4);
  }
}

TEST_CASE("replicas run and are right") {
  const validator::Outcome outcome = run(maker().write(maker().replicas(2), "replicas"), {"--check"});
  CAPTURE(outcome.failure);
  CHECK(outcome.exit == ExitCode::done);
}

TEST_CASE("several packages in one mpirun") {
  const fs::path other = maker().write(maker().stages(2), "other");
  const validator::Outcome outcome =
      validator::launch({{two_stages(), other, tampered(two_stages(), "listed")}, worker(), {"--check"}, 120s, {}});
  CHECK(outcome.exit == ExitCode::mismatch);
  const auto reports = validator::parse_reports(outcome.output, {"d0", "d1"});
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].ok);
  CHECK(reports[1].ok);
  CHECK_FALSE(reports[2].ok);
}

TEST_CASE("a wrong weight under a right hash is seen in the outputs") {
  const fs::path package = tampered(two_stages(), "tampered");
  CHECK_NOTHROW(deploy::verify_package(package));
  CHECK(run(package, {"--check"}).exit == ExitCode::mismatch);
  CHECK(run(package, {}).exit == ExitCode::done);  // nobody asked
}

TEST_CASE("a damaged package is refused by the worker, naming the file") {
  const fs::path copy = maker().folder() / "damaged";
  fs::copy(two_stages(), copy, fs::copy_options::recursive);
  const program::Manifest manifest = deploy::read_package(copy).manifest;
  fs::resize_file(copy / "models" / manifest.model_folders[1] / "weights.bin", 10);
  const validator::Outcome outcome = run(copy, {"--check"});
  CHECK(outcome.exit == ExitCode::bad_input);
  CHECK(outcome.failure.find("weights.bin") != std::string::npos);
}

TEST_CASE("a killed rank is named, and no process is left") {
  Endless endless(two_stages());
  const std::vector<pid_t> workers = test::wait_for_loaded_workers(two_stages(), 2);
  REQUIRE(workers.size() == 2);
  ::kill(workers[1], SIGKILL);
  const validator::Outcome outcome = endless.outcome.get();
  CHECK(outcome.exit == ExitCode::device);
  CHECK(outcome.failure == "device d1 (rank 1): killed by signal 9 (Killed)");
  CHECK(test::all_gone(two_stages()));
}

TEST_CASE("a rank that is killed while it starts ends the run") {
  for (int round = 0; round < 2; ++round) {
    Endless endless(two_stages());
    const std::vector<pid_t> workers = test::wait_for_workers(two_stages(), 2);
    REQUIRE(workers.size() == 2);
    ::kill(workers[1], SIGKILL);
    const validator::Outcome outcome = endless.outcome.get();
    CAPTURE(outcome.failure);
    // Whether mpirun has noticed who died, or died of it itself, is chance.
    CHECK(outcome.exit == ExitCode::device);
    CHECK_FALSE(outcome.failure.empty());
    CHECK(outcome.seconds < 60);
    CHECK(test::all_gone(two_stages()));
  }
}

TEST_CASE("an mpirun that does not end after its ranks have is ended") {
  const TempDir folder("dse-mpirun");
  const fs::path fake = folder.path() / "mpirun";
  // Two seconds of a rank, then it waits for itself.
  write_file(fake, "#!/bin/bash\nmkfifo \"$0.never\"\nexec 3<> \"$0.never\"\nsleep 2\nread -r line <&3\n");
  fs::permissions(fake, fs::perms::owner_all);
  ::setenv("DSE_MPIRUN", fake.c_str(), 1);
  const validator::Outcome outcome = run(two_stages(), {});
  ::unsetenv("DSE_MPIRUN");
  CHECK(outcome.exit == ExitCode::device);
  CHECK(outcome.failure == "all ranks ended without a word, and mpirun did not end");
}

TEST_CASE("a killed mpirun leaves no process") {
  Endless endless(two_stages());
  REQUIRE(test::wait_for_workers(two_stages(), 2).size() == 2);
  const std::vector<pid_t> launchers = test::launchers_of(two_stages());
  REQUIRE(launchers.size() == 1);
  ::kill(launchers[0], SIGKILL);
  const validator::Outcome outcome = endless.outcome.get();
  CHECK(outcome.exit == ExitCode::device);
  CHECK(outcome.failure == "mpirun: killed by signal 9 (Killed)");
  CHECK(test::all_gone(two_stages()));
}

TEST_CASE("a stopped rank is named and everything is killed") {
  Endless endless(two_stages());
  const std::vector<pid_t> workers = test::wait_for_workers(two_stages(), 2);
  REQUIRE(workers.size() == 2);
  ::kill(workers[1], SIGSTOP);
  const validator::Outcome outcome = endless.outcome.get();
  CHECK(outcome.exit == ExitCode::deadline);
  CHECK(outcome.failure.find("device d1 (rank 1): stopped") == 0);
  CHECK(test::all_gone(two_stages()));
}

TEST_CASE("the deadline for everything kills everything") {
  const validator::Outcome outcome = validator::launch({{two_stages()}, worker(), {"--frames", "100000000"}, 3s, {}});
  CHECK(outcome.exit == ExitCode::deadline);
  CHECK(outcome.failure.find("no end within 3 s") == 0);
  CHECK(test::all_gone(two_stages()));
}

TEST_CASE("an interrupted launch ends") {
  Endless endless(two_stages());
  REQUIRE(test::wait_for_workers(two_stages(), 2).size() == 2);
  endless.cancel = true;
  CHECK(endless.outcome.get().exit == ExitCode::interrupted);
  CHECK(test::all_gone(two_stages()));
}

TEST_CASE("a launch leaves nothing in shared memory or the temporary folder") {
  const auto count = [] {
    std::size_t entries = 0;
    for (const char* folder : {"/dev/shm", "/tmp"})
      for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().filename().string().starts_with("dse-run.")) ++entries;
    return entries;
  };
  const std::size_t before = count();
  CHECK(run(two_stages(), {}).exit == ExitCode::done);
  CHECK(count() == before);
}

TEST_CASE("the run script runs the package and passes exit codes on") {
  const auto script = [](const fs::path& package, std::vector<std::string> words) {
    ProcessOptions options;
    options.argv = {(package / "run").string()};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    options.set_environment = {"DSE_WORKER=" + worker().string()};
    options.drop_environment = {"OMPI_"};
    options.working_folder = maker().folder().string();
    options.deadline = 120s;
    return run_process(options);
  };
  const ProcessResult right =
      script(two_stages(), {"--frames", "6", "--check", "--output", "out", "--report", "report.json"});
  CAPTURE(right.errors);
  CHECK(right.exit_code == 0);
  CHECK(fs::exists(maker().folder() / "out/frame_5_out0.bin"));
  CHECK(nlohmann::json::parse(read_text(maker().folder() / "report.json", 1u << 24))["frames"] == 6);
  CHECK(script(tampered(two_stages(), "scripted"), {"--check"}).exit_code == 9);
  CHECK(script(two_stages(), {"--no-such-option"}).exit_code == 2);
  CHECK(script(two_stages(), {"--report"}).exit_code == 2);
}

TEST_CASE("the run script turns a killed rank into exit 7 and leaves no process") {
  auto result = std::async(std::launch::async, [] {
    ProcessOptions options;
    options.argv = {(two_stages() / "run").string(), "--frames", "100000000"};
    options.set_environment = {"DSE_WORKER=" + worker().string()};
    options.drop_environment = {"OMPI_"};
    options.deadline = 120s;
    return run_process(options);
  });
  const std::vector<pid_t> workers = test::wait_for_loaded_workers(two_stages(), 2);
  REQUIRE(workers.size() == 2);
  ::kill(workers[0], SIGKILL);
  CHECK(result.get().exit_code == 7);
  CHECK(test::all_gone(two_stages()));
}

TEST_CASE("measuring gives medians, memory and a verdict") {
  validator::MeasureOptions options;
  options.worker = worker();
  options.frames = 30;
  options.rounds = 2;
  const validator::Measurement measured = validator::measure(two_stages(), options);
  CAPTURE(measured.failure);
  REQUIRE(measured.ran);
  CHECK(measured.outputs_right);
  CHECK(measured.exit == ExitCode::done);
  CHECK(measured.latency_s > 0);
  CHECK(measured.period_s > 0);
  REQUIRE(measured.devices.size() == 2);
  for (const validator::ReportDevice& device : measured.devices) {
    CHECK(device.memory_bytes > 1e6);
    CHECK(device.busy_s > 0);
    CHECK_FALSE(device.steps.empty());
  }
  const validator::Measurement wrong = validator::measure(tampered(two_stages(), "measured"), options);
  CHECK(wrong.exit == ExitCode::mismatch);
  CHECK_FALSE(wrong.outputs_right);
  CHECK(wrong.max_relative_output_error > 1e-3);
}

TEST_CASE("a worker that is not there is said") {
  CHECK_THROWS_AS(validator::find_worker("/nonexistent/dse-worker"), Error);
  CHECK_THROWS_AS(validator::find_worker("/etc/passwd"), Error);
}
