#include "runtime/worker_options.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "runtime/worker_report.hpp"

using namespace dse;
using runtime::parse_worker_options;

TEST_CASE("options of the worker") {
  const auto options = parse_worker_options(
      {"--package", "p",      "--frames",       "12",         "--warmup",     "3",         "--in-flight", "2",
       "--check",   "--wait", "sleep:75",       "--deadline", "2.5",          "--threads", "4",           "--trace",
       "--report",  "r.json", "--power-sensor", "csv:m.csv",  "--power-root", "/tmp"});
  CHECK(options.packages == std::vector<fs::path>{"p"});
  CHECK_FALSE(options.list);
  CHECK(options.frames == 12);
  CHECK(options.warmup == 3);
  CHECK(options.in_flight == 2);
  CHECK(options.check);
  CHECK(options.trace);
  CHECK_FALSE(options.verify_cuts);
  CHECK(options.wait == program::WaitPolicy{program::WaitPolicy::Kind::sleep, 75});
  CHECK(options.deadline_s == 2.5);
  CHECK(options.threads == 4);
  CHECK(options.report == "r.json");
  CHECK(options.power_sensor == "csv:m.csv");
  CHECK(options.power_root == "/tmp");
  CHECK(parse_worker_options({"--package", "p"}).power_sensor == "auto");
}

TEST_CASE("bad options of the worker") {
  const std::vector<std::vector<std::string>> bad{{},
                                                  {"--package"},
                                                  {"--package", ""},
                                                  {"--package", "p", "--frames", "0"},
                                                  {"--package", "p", "--frames", "-1"},
                                                  {"--package", "p", "--frames", "1e3"},
                                                  {"--package", "p", "--frames", "99999999999"},
                                                  {"--package", "p", "--frames", "4", "--warmup", "4"},
                                                  {"--package", "p", "--deadline", "nan"},
                                                  {"--package", "p", "--deadline", "0"},
                                                  {"--package", "p", "--threads", "0"},
                                                  {"--package", "p", "--wait", "hope"},
                                                  {"--package", "p", "--power-sensor", "hope"},
                                                  {"--package", "p", "--power-sensor", "csv:"},
                                                  {"--package", "p", "more"}};
  for (const auto& arguments : bad) {
    CAPTURE(arguments.size());
    try {
      parse_worker_options(arguments);
      FAIL("not refused");
    } catch (const Error& error) {
      CHECK(error.exit() == ExitCode::usage);
    }
  }
}

TEST_CASE("lists of packages") {
  const TempDir folder("dse-list");
  write_file(folder.path() / "list", "# comment\n  a/b \r\n\nc\n");
  const auto options = parse_worker_options({"--packages", (folder.path() / "list").string()});
  CHECK(options.list);
  CHECK(options.packages == std::vector<fs::path>{"a/b", "c"});
  CHECK_THROWS_AS(parse_worker_options({"--packages", (folder.path() / "list").string(), "--input", "x"}), Error);
  write_file(folder.path() / "empty", "# nothing\n");
  CHECK_THROWS_AS(parse_worker_options({"--packages", (folder.path() / "empty").string()}), Error);
  CHECK_THROWS_AS(parse_worker_options({"--packages", (folder.path() / "none").string()}), Error);
}

TEST_CASE("the period is that of the steady state") {
  using runtime::median_period;
  CHECK(median_period({}, 1) == 0);
  CHECK(median_period({5}, 1) == 0);
  CHECK(median_period({1, 3}, 1) == doctest::Approx(2));
  std::vector<double> steady;
  for (int i = 0; i < 20; ++i) steady.push_back(0.5 * i);
  CHECK(median_period(steady, 1) == doctest::Approx(0.5));
  // One late frame moves the mean, not the median.
  std::vector<double> hiccup = steady;
  hiccup.back() += 5;
  CHECK(median_period(hiccup, 1) == doctest::Approx(0.5));
  // Two replicas that finish together: pairs every second.
  std::vector<double> pairs;
  for (int i = 0; i < 10; ++i) pairs.insert(pairs.end(), {1.0 * i, 1.0 * i + 0.01});
  CHECK(median_period(pairs, 2) == doctest::Approx(0.5));
}
