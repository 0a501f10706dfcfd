#include "validator/report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "validator/launch.hpp"

using namespace dse;
using nlohmann::json;

namespace {

json good() {
  return {{"dse", "worker-report/1"},
          {"ok", true},
          {"frames", 8},
          {"warmup", 2},
          {"latency_s", 0.5},
          {"period_s", nullptr},
          {"max_relative_output_error", 1e-6},
          {"engine_version", "1"},
          {"mpi_version", "4"},
          {"wait", "spin"},
          {"devices",
           {{{"device", "a"},
             {"host", "h"},
             {"cores", {0}},
             {"busy_s", 0.1},
             {"communication_s", 0},
             {"waiting_s", 0.2},
             {"load_s", 1},
             {"memory_bytes", 1000},
             {"steps", {{{"lane", 0}, {"step", 1}, {"name", "s"}, {"kind", "run"}, {"median_s", 0.05}}}}}}}};
}

bool refused(const json& report) {
  try {
    validator::parse_reports(report.dump(), {"a"});
  } catch (const Error& error) {
    CHECK(error.code() == "REPORT-JSON");
    return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a report is read") {
  const auto reports = validator::parse_reports(good().dump(), {"a"});
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].frames == 8);
  CHECK_FALSE(reports[0].period_s.has_value());
  CHECK(*reports[0].latency_s == 0.5);
  CHECK(reports[0].devices[0].steps[0].median_s == 0.05);
  const json list = {good(), {{"dse", "worker-report/1"}, {"ok", false}, {"error", "device \x1b[31m down"}}};
  const auto both = validator::parse_reports(list.dump(), {"a"});
  REQUIRE(both.size() == 2);
  CHECK(both[1].failure.find('\x1b') == std::string::npos);
}

TEST_CASE("a trace is read, and one of other devices or backwards in time is refused") {
  json report = good();
  CHECK(validator::parse_reports(report.dump(), {"a"})[0].trace.empty());
  const json event{{"device", 0}, {"frame", 3}, {"lane", 0}, {"step", 1}, {"start_s", -0.25}, {"end_s", 0.5}};
  report["trace"] = {event};
  const auto trace = validator::parse_reports(report.dump(), {"a"})[0].trace;
  REQUIRE(trace.size() == 1);
  CHECK(trace[0].frame == 3);
  CHECK(trace[0].step == 1);
  CHECK(trace[0].start_s == -0.25);
  CHECK(trace[0].end_s == 0.5);
  for (const json& wrong :
       {json{{"device", 1}}, json{{"end_s", -0.5}}, json{{"start_s", nullptr}}, json{{"lane", -1}}}) {
    report["trace"] = {event};
    report["trace"][0].update(wrong);
    CHECK(refused(report));
  }
  report["trace"] = "none";
  CHECK(refused(report));
}

TEST_CASE("energy is read, and what no device takes or is told twice is refused") {
  const json energy{
      {"sensor", "rapl"}, {"source", "packages \x1b[31m"}, {"joules_per_frame", 0.5}, {"joules", 4}, {"seconds", 2},
      {"samples", 3}};
  const auto two = [&](const json& first, const json& second) {
    json report = good();
    report["devices"].push_back(report["devices"][0]);
    report["devices"][1]["device"] = "b";
    if (!first.is_null()) report["devices"][0]["energy"] = first;
    if (!second.is_null()) report["devices"][1]["energy"] = second;
    return report;
  };
  const auto changed = [&](const json& change) {
    json result = energy;
    result.update(change);
    return result;
  };
  const auto parsed = [&](const json& report) {
    return validator::parse_reports(report.dump(), {"a", "b"})[0].devices;
  };
  const auto refused_of = [&](const json& report) {
    CAPTURE(report.dump());
    CHECK_THROWS_AS(parsed(report), Error);
  };
  CHECK_FALSE(parsed(two(nullptr, nullptr))[0].energy.has_value());
  const auto own = parsed(two(energy, energy));
  CHECK(own[0].energy->joules_per_frame == 0.5);
  CHECK(own[0].energy->ranks == std::vector<std::size_t>{0});
  CHECK(own[1].energy->ranks == std::vector<std::size_t>{1});
  CHECK(own[0].energy->source.find('\x1b') == std::string::npos);
  CHECK(own[0].energy->samples == 3);
  const auto shared = parsed(two(changed({{"shared", {0, 1}}}), nullptr));
  CHECK(shared[0].energy->ranks == std::vector<std::size_t>{0, 1});
  CHECK_FALSE(shared[1].energy.has_value());
  const auto failed = parsed(two({{"sensor", "rapl"}, {"source", ""}, {"failure", "too\nshort"}}, nullptr));
  CHECK_FALSE(failed[0].energy->joules_per_frame.has_value());
  CHECK(failed[0].energy->failure.find('\n') == std::string::npos);
  refused_of(two(changed({{"shared", {0, 1}}}), energy));  // rank 1's is told twice
  refused_of(two(nullptr, changed({{"shared", {0, 1}}})));
  refused_of(two(changed({{"shared", {0, 2}}}), nullptr));
  refused_of(two(changed({{"shared", {0, 0}}}), nullptr));
  refused_of(two(changed({{"shared", json::array()}}), nullptr));
  refused_of(two(changed({{"joules_per_frame", -1}}), nullptr));
  refused_of(two(changed({{"joules_per_frame", nullptr}}), nullptr));
  refused_of(two(changed({{"joules_per_frame", 5}}), nullptr));  // more than all frames together
  refused_of(two(changed({{"joules", 40'000}}), nullptr));       // in two seconds
  refused_of(two(changed({{"samples", -1}}), nullptr));
  refused_of(two("much", nullptr));
  json endless = two(energy, nullptr);
  std::string text = endless.dump();
  text.replace(text.find("\"joules\":4"), 10, "\"joules\":1e999");
  CHECK_THROWS_AS(validator::parse_reports(text, {"a", "b"}), Error);
}

TEST_CASE("what no worker would say is refused") {
  CHECK_THROWS_AS(validator::parse_reports("", {"a"}), Error);
  CHECK_THROWS_AS(validator::parse_reports("mpirun: help", {"a"}), Error);
  CHECK_THROWS_AS(validator::parse_reports(good().dump() + good().dump(), {"a"}), Error);  // told twice
  CHECK(refused(json::array({1})));
  json report = good();
  report["latency_s"] = -1;
  CHECK(refused(report));
  report = good();
  report["devices"][0]["busy_s"] = "much";
  CHECK(refused(report));
  report = good();
  report["devices"][0]["device"] = "b";
  CHECK(refused(report));
  report = good();
  report["devices"].push_back(report["devices"][0]);
  CHECK(refused(report));
  report = good();
  report["devices"] = json::array();
  CHECK(refused(report));
  report = good();
  report["dse"] = "worker-report/2";
  CHECK(refused(report));
  report = good();
  report.erase("frames");
  CHECK(refused(report));
  CHECK_THROWS_AS(
      validator::parse_reports(R"({"dse":"worker-report/1","ok":true,"frames":1,"warmup":0,"latency_s":NaN})", {"a"}),
      Error);
  CHECK_THROWS_AS(
      validator::parse_reports(R"({"dse":"worker-report/1","ok":true,"frames":1,"warmup":0,"latency_s":1e999})", {"a"}),
      Error);
}

TEST_CASE("why a launch ended is told in one line that names the device") {
  const std::vector<std::string> devices{"nano0", "pi0"};
  CHECK(validator::failure_reason(
            "mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9 (Killed).\n", 137, devices) ==
        "device pi0 (rank 1): killed by signal 9 (Killed)");
  CHECK(validator::failure_reason("  Process name: [[23303,1],0]\n  Exit code:    9\n", 9, devices) ==
        "device nano0 (rank 0): ended with exit code 9");
  CHECK(
      validator::failure_reason("error[X]: no \x1b[31mred\n  Process name: [[1,1],7]\n  Exit code:    9\n", 9, devices)
          .find('\x1b') == std::string::npos);
  CHECK(validator::failure_reason("-----\n\nThere are not enough slots\n", 1, devices) ==
        "mpirun ended with status 1: There are not enough slots");
  CHECK(validator::failure_reason("", 1, devices) == "mpirun ended with status 1");
  const std::string long_line(100'000, 'x');
  CHECK(validator::failure_reason(long_line, 1, devices).size() < 400);
}
