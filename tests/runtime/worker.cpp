// dse-worker under a real mpirun.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.hpp"
#include "tests/runtime/power_support.hpp"
#include "tests/runtime/toy_package.hpp"

using namespace dse;
using nlohmann::json;

namespace {

struct Run {
  ProcessResult process;
  json report;
};

Run run_worker(std::size_t ranks, std::vector<std::string> arguments) {
  const TempDir folder("dse-worker-test");
  const fs::path report = folder.path() / "report.json";
  arguments.insert(arguments.end(), {"--report", report.string()});
  Run run{run_process(toy::worker_command(ranks, arguments)), {}};
  if (fs::exists(report)) run.report = json::parse(read_text(report, 64u << 20));
  return run;
}

// A package in a folder of its own.
struct Packed {
  TempDir folder{"dse-package"};
  toy::Network network;
  program::ProgramSet set;

  Packed(const toy::Network& described, const std::vector<toy::ReplicaChoice>& replicas, std::size_t devices,
         toy::Pieces pieces, const toy::PackageOptions& options = {})
      : network(described), set(toy::lower(network, replicas, devices, pieces)) {
    toy::write_package(network, set, folder.path(), options);
  }
  std::string path() const { return folder.path().string(); }
};

Packed two_stages(const toy::PackageOptions& options = {}) {
  return Packed(toy::chain(4), {{1, 2, 0, 1, {0, 0, 1, 1}}}, 2, toy::Pieces::mixed, options);
}

// Processes whose command line holds all of `words`.
std::vector<pid_t> processes_with(const std::string& program, const std::string& word) {
  std::vector<pid_t> result;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "cmdline");
    const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (line.substr(0, line.find('\0')).ends_with(program) && line.find(word) != std::string::npos)
      result.push_back(std::stoi(name));
  }
  return result;
}

bool within(double seconds, const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// Runs the package for long in the background, calls `disturb` once frames come out, and returns how mpirun ended.
ProcessResult disturbed(const Packed& package, const std::vector<std::string>& more,
                        const std::function<void(const std::vector<pid_t>&)>& disturb) {
  const TempDir out("dse-out");
  ProcessResult result;
  std::vector<std::string> arguments{"--package", package.path(), "--frames",
                                     "100000",    "--output",     out.path().string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  ProcessOptions command = toy::worker_command(2, arguments);
  command.deadline = std::chrono::seconds(120);
  std::thread runner([&] { result = run_process(command); });
  CHECK(within(60, [&] { return fs::exists(out.path() / "frame_5_out0.bin"); }));
  const std::vector<pid_t> workers = processes_with("dse-worker", package.path());
  CHECK(workers.size() == 2);
  disturb(workers);
  runner.join();
  return result;
}

}  // namespace

TEST_CASE("two stages over MPI give the golden outputs") {
  const Packed package = two_stages();
  const Run run = run_worker(2, {"--package", package.path(), "--check", "--verify-cuts", "--frames", "20"});
  CHECK_MESSAGE(run.process.exit_code == 0, run.process.errors);
  REQUIRE(run.report.is_object());
  CHECK(run.report["ok"] == true);
  CHECK(run.report["frames"] == 20);
  CHECK(run.report["max_relative_output_error"] == 0.0);
  CHECK(run.report["outputs"][0]["compared"] == 20);
  CHECK(run.report["frames_finished"] == 20);
  CHECK(run.report["period_s"].get<double>() > 0);
  CHECK(run.report["latency_s"].get<double>() > 0);
  REQUIRE(run.report["devices"].size() == 2);
  for (const json& device : run.report["devices"]) {
    CHECK(device["busy_s"].get<double>() > 0);
    CHECK(device["memory_bytes"].get<std::uint64_t>() >= device["memory_loaded_bytes"].get<std::uint64_t>());
    CHECK(device["steps"].size() > 0);
  }
  std::size_t compared = 0;
  for (const json& cut : run.report["cuts"]) compared += cut["compared"].get<std::size_t>();
  CHECK(compared > 20);
}

TEST_CASE("replicas with different shares, a source that is not the sink, and a trace") {
  const Packed package(toy::chain(3), {{2, 3, 0, 2, {0, 1, 1}}, {1, 2, 1, 2, {2, 2, 2}}}, 3, toy::Pieces::mixed);
  const Run run =
      run_worker(3, {"--package", package.path(), "--check", "--trace", "--frames", "30", "--wait", "yield"});
  CHECK_MESSAGE(run.process.exit_code == 0, run.process.errors);
  REQUIRE(run.report.is_object());
  CHECK(run.report["ok"] == true);
  CHECK(run.report["replicas"][0]["frames"] == 20);
  CHECK(run.report["replicas"][1]["frames"] == 10);
  CHECK(run.report["trace"].size() > 100);
  for (const json& event : run.report["trace"]) CHECK(event["end_s"].get<double>() >= event["start_s"].get<double>());
}

TEST_CASE("a wrong output is found, told and exits 9") {
  toy::PackageOptions options;
  options.spoil = [](std::vector<std::int64_t>& values, std::size_t frame) {
    if (frame == 2) values.back() += 1;
  };
  const Packed package = two_stages(options);
  const Run run = run_worker(2, {"--package", package.path(), "--check", "--frames", "4"});
  CHECK(run.process.exit_code == 9);
  REQUIRE(run.report.is_object());
  CHECK(run.report["ok"] == false);
  CHECK(run.report["outputs"][0]["first_wrong_frame"] == 2);
  CHECK(run.report["outputs"][0]["max_relative_error"].get<double>() > 0);
  // Nobody looks without --check.
  CHECK(run_worker(2, {"--package", package.path(), "--frames", "4"}).process.exit_code == 0);
}

TEST_CASE("frames from a folder, outputs into another") {
  const Packed package = two_stages();
  const TempDir in("dse-in"), out("dse-out");
  for (std::size_t frame = 0; frame < 3; ++frame) {
    const std::vector<std::int64_t> values = toy::input_of(package.network, frame + 50);
    write_file(
        in.path() / fmt::format("frame_{}_in0.bin", frame),
        {static_cast<const char*>(static_cast<const void*>(values.data())), values.size() * sizeof(std::int64_t)});
  }
  const Run run = run_worker(2, {"--package", package.path(), "--frames", "3", "--input", in.path().string(),
                                 "--output", out.path().string()});
  CHECK_MESSAGE(run.process.exit_code == 0, run.process.errors);
  for (std::size_t frame = 0; frame < 3; ++frame) {
    const std::string bytes = read_text(out.path() / fmt::format("frame_{}_out0.bin", frame), 1u << 20);
    const std::vector<std::int64_t> expected = toy::evaluate(package.network, frame + 50)[4];
    REQUIRE(bytes.size() == expected.size() * sizeof(std::int64_t));
    CHECK(std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0);
  }
  const Run missing = run_worker(2, {"--package", package.path(), "--frames", "4", "--input", in.path().string()});
  CHECK(missing.process.exit_code == 3);
  CHECK(missing.process.errors.find("frame_3_in0.bin") != std::string::npos);
}

TEST_CASE("many packages in one job; a damaged or wrong one does not stop the others") {
  toy::PackageOptions wrong;
  wrong.spoil = [](std::vector<std::int64_t>& values, std::size_t) { values.front() -= 1; };
  const Packed good = two_stages();
  const Packed bad = two_stages(wrong);
  const Packed damaged = two_stages();
  const Packed alone(toy::chain(2), {{1, 1, 0, 0, {0, 0}}}, 1, toy::Pieces::whole);
  write_file(damaged.folder.path() / "programs" / "p1.json", "{}");
  const TempDir folder("dse-list");
  const fs::path list = folder.path() / "list";
  write_file(list,
             "# packages\n" + good.path() + "\n" + bad.path() + "\n\n" + damaged.path() + "\n" + alone.path() + "\n");
  const Run run = run_worker(2, {"--packages", list.string(), "--check"});
  CHECK(run.process.exit_code == 3);
  REQUIRE(run.report.is_array());
  REQUIRE(run.report.size() == 4);
  CHECK(run.report[0]["ok"] == true);
  CHECK(run.report[1]["ok"] == false);
  CHECK(run.report[1]["outputs"][0]["first_wrong_frame"] == 0);
  CHECK(run.report[2]["ok"] == false);
  CHECK(run.report[2]["error"].get<std::string>().find("PACKAGE-HASH") != std::string::npos);
  CHECK(run.report[3]["ok"] == true);
  CHECK(run.report[3]["devices"].size() == 1);
}

TEST_CASE("bad packages and options are refused with their exit codes") {
  const Packed package = two_stages();
  CHECK(run_worker(1, {"--package", package.path()}).process.exit_code == 2);
  CHECK(run_worker(1, {"--package", package.path() + "/no"}).process.exit_code == 3);
  CHECK(run_worker(1, {"--package", package.path(), "--frames", "0"}).process.exit_code == 2);
  CHECK(run_worker(1, {"--package", package.path(), "--wait", "sleep:0"}).process.exit_code == 2);
  fs::remove(package.folder.path() / "models" / "d1" / "layer2_0.onnx");
  const Run missing = run_worker(2, {"--package", package.path()});
  CHECK(missing.process.exit_code == 3);
  CHECK(missing.process.errors.find("layer2_0.onnx") != std::string::npos);
}

TEST_CASE("a model that is not what the program binds is refused by name") {
  const Packed package = two_stages();
  const fs::path model = package.folder.path() / "models" / "d0" / "layer0_0.onnx";
  std::string bytes = read_text(model, 1u << 20);
  for (char& c : bytes) c = static_cast<char>(~c);
  write_file(model, bytes);
  const Run run = run_worker(2, {"--package", package.path()});
  CHECK(run.process.exit_code == 3);
  CHECK(run.process.errors.find("layer0_0.onnx") != std::string::npos);
}

TEST_CASE("kill -9 of a worker ends the job") {
  const Packed package = two_stages();
  const ProcessResult result =
      disturbed(package, {}, [](const std::vector<pid_t>& workers) { ::kill(workers.back(), SIGKILL); });
  CHECK_FALSE(result.timed_out);
  CHECK(result.exit_code != 0);
  CHECK(within(5, [&] { return processes_with("dse-worker", package.path()).empty(); }));
}

TEST_CASE("kill -9 of mpirun leaves no worker behind") {
  const Packed package = two_stages();
  disturbed(package, {}, [&](const std::vector<pid_t>&) {
    for (const pid_t launcher : processes_with("mpirun", package.path())) ::kill(launcher, SIGKILL);
    CHECK(within(5, [&] { return processes_with("dse-worker", package.path()).empty(); }));
  });
}

TEST_CASE("a stopped worker is found by the deadline of the other") {
  const Packed package = two_stages();
  const ProcessResult result = disturbed(package, {"--deadline", "3"},
                                         [](const std::vector<pid_t>& workers) { ::kill(workers.back(), SIGSTOP); });
  CHECK_FALSE(result.timed_out);
  CHECK(result.exit_code == 8);
  CHECK(result.errors.find("DEADLINE") != std::string::npos);
  CHECK(within(5, [&] { return processes_with("dse-worker", package.path()).empty(); }));
}

TEST_CASE("energy is measured beside the frames, told once for the host") {
  const Packed package = two_stages();
  const runtime::test::Tree tree;
  const auto run_with = [&](const std::string& kind, const char* frames) {
    const Run run = run_worker(2, {"--package", package.path(), "--frames", frames, "--warmup", "10", "--power-sensor",
                                   kind, "--power-root", tree.root().string()});
    CHECK_MESSAGE(run.process.exit_code == 0, run.process.errors);
    REQUIRE(run.report.is_object());
    REQUIRE(run.report["devices"].size() == 2);
    CHECK_FALSE(run.report["devices"][1].contains("energy"));
    return run.report["devices"][0].value("energy", json());
  };
  const auto check_watts = [&](const json& energy, double watts, double frames) {
    CAPTURE(energy.dump());
    REQUIRE(energy.contains("joules"));
    CHECK(energy["shared"] == json({0, 1}));
    CHECK(energy["joules"].get<double>() / energy["seconds"].get<double>() == doctest::Approx(watts).epsilon(0.05));
    CHECK(energy["joules_per_frame"].get<double>() == doctest::Approx(energy["joules"].get<double>() / frames));
  };
  SUBCASE("by a counter") {
    const runtime::test::LivingCounter counter(tree, 5);
    const json energy = run_with("auto", "30010");
    check_watts(energy, 5, 30000);
    CHECK(energy["sensor"] == "rapl");
    CHECK(energy["source"].get<std::string>().find("processor packages") != std::string::npos);
    CHECK(run_with("none", "20").is_null());
    // A few frames are over before the counter says anything.
    CHECK(run_with("auto", "12")["failure"].get<std::string>().find("too short for a counter") != std::string::npos);
  }
  SUBCASE("by a meter's file") {
    const runtime::test::LivingMeter meter(tree.root() / "meter.csv", 3);
    check_watts(run_with("csv:" + (tree.root() / "meter.csv").string(), "30010"), 3, 30000);
    const json sparse = run_with("csv:" + (tree.root() / "meter.csv").string(), "12");
    CHECK(sparse["failure"].get<std::string>().find("POWER-SPARSE") != std::string::npos);
    CHECK_FALSE(sparse.contains("joules"));
  }
  SUBCASE("where there is no sensor") {
    CHECK(run_with("auto", "20").is_null());
    CHECK(run_with("rapl", "20")["failure"].get<std::string>().find("no power sensor was found") != std::string::npos);
  }
  SUBCASE("by a sensor that goes wrong on the way") {
    // Whenever it is read for the second time, it has fallen, as after a reset.
    const runtime::test::LivingCounter counter(tree, -1000);
    CHECK(run_with("rapl", "30010").value("failure", "").find("was it reset?") != std::string::npos);
  }
}
