// dse-probe power, over constructed sensors.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/process.hpp"
#include "runtime/probes.hpp"
#include "tests/runtime/power_support.hpp"
#include "tests/runtime/toy_package.hpp"

using namespace dse;
using namespace dse::runtime::test;

namespace {

ProcessResult probed(const probes::PowerRequest& request, std::vector<std::string> argv = {}) {
  const TempDir folder("dse-probe-power");
  write_file(folder.path() / "request.json", probes::to_json(request));
  argv.insert(argv.end(), {(executable_folder() / "dse-probe").string(), "power", folder.path() / "request.json"});
  ProcessOptions options;
  options.argv = std::move(argv);
  options.set_environment = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
  options.deadline = std::chrono::seconds(60);
  return run_process(options);
}

probes::PowerReport report_of(const ProcessResult& result) {
  REQUIRE_MESSAGE(result.exit_code == 0, result.errors);
  return probes::power_report_from_json(result.output);
}

}  // namespace

TEST_CASE("the power probe measures each state as long as it is told") {
  const Tree tree;
  const LivingCounter counter(tree, 5);
  const TempDir folder("dse-power-model");
  toy::write_package(toy::chain(2), toy::lower(toy::chain(2), {{1, 1, 0, 0, {0, 0}}}, 1, toy::Pieces::whole),
                     folder.path());
  probes::PowerRequest request;
  request.root = tree.root();
  request.seconds = 0.5;
  std::vector<probes::PowerReport> reports{report_of(probed(request))};
  for (const auto& file : fs::recursive_directory_iterator(folder.path()))
    if (file.path().extension() == ".onnx") request.chain = {file.path()};
  request.state = probes::PowerState::active;
  request.threads = 2;
  reports.push_back(report_of(probed(request)));
  request.state = probes::PowerState::waiting;
  reports.push_back(report_of(probed(request, {"mpirun", "--oversubscribe", "--bind-to", "none", "-n", "1"})));
  for (const probes::PowerReport& report : reports) {
    CHECK(report.watts == doctest::Approx(5).epsilon(0.05));
    CHECK(report.seconds == doctest::Approx(0.5).epsilon(0.2));
    CHECK(report.sensor == "rapl");
    CHECK(contains(report.source, "processor packages"));
  }
}

TEST_CASE("the power probe measures for longer where samples are too few") {
  const Tree tree;
  const fs::path file = tree.root() / "meter.csv";
  const LivingMeter meter(file, 3);
  probes::PowerRequest request;
  request.sensor = "csv:" + file.string();
  request.seconds = 0.05;
  CHECK(contains(probed(request).errors, "POWER-SPARSE"));
  request.longest_seconds = 0.6;
  const probes::PowerReport report = report_of(probed(request));
  CHECK(report.watts == doctest::Approx(3));
  CHECK(report.seconds >= 0.6);
}

TEST_CASE("the power probe refuses what it cannot measure") {
  const Tree tree;
  probes::PowerRequest request;
  request.root = tree.root();
  const ProcessResult none = probed(request);
  CHECK(none.exit_code == 7);
  CHECK(contains(none.errors, "no power sensor was found"));
  for (const char* change : {R"({"state": "asleep"})", R"({"state": 1})", R"({"seconds": "2"})"}) {
    nlohmann::json json = nlohmann::json::parse(probes::to_json(request));
    json.update(nlohmann::json::parse(change));
    CHECK_THROWS_AS(probes::power_request_from_json(json.dump()), Error);
  }
}
