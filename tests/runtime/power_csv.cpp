#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "tests/runtime/power_support.hpp"

using namespace dse;
using namespace dse::runtime;
using namespace dse::runtime::test;

namespace {

// A meter's file, and a clock that moves on where something waits for the file.
struct CsvFile {
  TempDir folder{"dse-meter"};
  fs::path file = folder.path() / "meter.csv";
  double now = 100;
  std::string late;  // is appended as soon as someone waits

  void append(const std::string& text) const { std::ofstream(file, std::ios::app | std::ios::binary) << text; }
  // Samples from..to, both included, of 2 + (t - 100) watts.
  void ramp(double from, double to, double step, const std::string& end = "\n") const {
    for (double t = from; t <= to + step / 2; t += step) append(fmt::format("{:.3f},{:.3f}{}", t, 2 + (t - 100), end));
  }
  std::unique_ptr<PowerSensor> open() {
    const auto time = [this] { return now; };
    return open_power_sensor({"csv:" + file.string(), "/", {time, time, [this](const std::stop_token&, double until) {
                                                              append(std::exchange(late, ""));
                                                              now = until;
                                                            }}});
  }
};

constexpr double ramp_100_to_110 = 2 * 10 + 10 * 10 / 2.0;

}  // namespace

TEST_CASE("power by a meter's file") {
  for (const bool header : {true, false})
    for (const char* end : {"\n", "\r\n"}) {
      CsvFile meter;
      if (header) meter.append(std::string("timestamp_s,watts") + end);
      meter.ramp(99.05, 99.95, 0.1, end);
      const auto sensor = meter.open();
      CHECK(sensor->facts().kind == "csv");
      CHECK(contains(sensor->facts().source, "meter.csv"));
      sensor->start();
      meter.ramp(100.05, 110.05, 0.1, end);
      meter.append("110.15,7");  // half a line, wherever it ends
      meter.now = 110;
      const EnergyReading reading = *sensor->stop();
      // Ends lie between samples.
      CHECK(reading.joules == doctest::Approx(ramp_100_to_110).epsilon(1e-9));
      CHECK(reading.seconds == doctest::Approx(10));
      CHECK(reading.samples == 100);
      CHECK(reading.longest_gap_s == doctest::Approx(0.1));
      // The next one, when the line is whole.
      meter.append("77.0" + std::string(end));
      meter.ramp(110.25, 121, 0.1, end);
      sensor->start();
      meter.now = 120;
      CHECK(sensor->stop()->seconds == doctest::Approx(10));
    }
}

TEST_CASE("power by a meter's file that is written late") {
  CsvFile meter;
  meter.ramp(99, 105, 0.05);
  const auto sensor = meter.open();
  sensor->start();
  meter.append("105.05,7.0");
  meter.late = "5\n";
  for (double t = 105.1; t < 111; t += 0.05) meter.late += fmt::format("{:.3f},{:.3f}\n", t, 2 + (t - 100));
  meter.now = 110;
  CHECK(sensor->stop()->joules == doctest::Approx(ramp_100_to_110).epsilon(1e-9));
}

TEST_CASE("power by a meter's file that does not cover the measurement") {
  SUBCASE("from its start") {
    CsvFile meter;
    meter.append("timestamp_s,watts\n");
    const auto sensor = meter.open();
    sensor->start();
    meter.ramp(100.1, 111, 0.1);
    meter.now = 110;
    CHECK(contains(refused("POWER-COVER", [&] { sensor->stop(); }), "reach from 100.100"));
  }
  SUBCASE("to its end") {
    CsvFile meter;
    meter.ramp(99, 109, 0.1);
    const auto sensor = meter.open();
    sensor->start();
    meter.now = 110;
    const std::string error = refused("POWER-COVER", [&] { sensor->stop(); });
    CHECK(contains(error, "to 109.000, the measurement from 100.000 to 110.000"));
    CHECK(meter.now == doctest::Approx(115).epsilon(0.001));  // it was waited for
  }
  SUBCASE("at all") {
    CsvFile meter;
    meter.append("");
    const auto sensor = meter.open();
    sensor->start();
    CHECK(contains(refused("POWER-COVER", [&] { sensor->stop(); }), "there are no samples"));
    CHECK_THROWS_AS(sensor->stop(), Error);
  }
}

TEST_CASE("power by a meter's file with too few samples") {
  SUBCASE("in a short measurement") {
    CsvFile meter;
    meter.ramp(99, 111, 1);
    const auto sensor = meter.open();
    sensor->start();
    meter.now = 110;
    CHECK(contains(refused("POWER-SPARSE", [&] { sensor->stop(); }), "11 samples of power in 10 s, up to 1 s apart"));
  }
  SUBCASE("in a minute there are enough") {
    CsvFile meter;
    meter.ramp(99, 161, 1);
    const auto sensor = meter.open();
    sensor->start();
    meter.now = 160;
    CHECK(sensor->stop()->joules == doctest::Approx(2 * 60 + 60 * 60 / 2.0));
  }
  SUBCASE("with a hole") {
    CsvFile meter;
    meter.ramp(99, 103, 0.05);
    meter.ramp(105.5, 111, 0.05);
    const auto sensor = meter.open();
    sensor->start();
    meter.now = 110;
    CHECK(contains(refused("POWER-SPARSE", [&] { sensor->stop(); }), "up to 2.5 s apart"));
  }
}

TEST_CASE("power by a meter's file: bad lines are named") {
  for (const char* line : {"", "100.1", "100.1,", ",5", "100.1,5,6", "100.1;5", "100.1, 5", "100.1,-5", "100.1,nan",
                           "100.1,inf", "100.1,1e9", "100.1,0x5", "-1,5", "100.1,5W", "timestamp_s,watts", "1e400,5",
                           "99.9,5", "100.1,5e", "100.1,5\r\r"}) {
    CAPTURE(line);
    CsvFile meter;
    meter.append("timestamp_s,watts\n100,5\n");
    const auto sensor = meter.open();
    sensor->start();
    meter.append(std::string(line) + "\n");
    CHECK(contains(refused("POWER-CSV", [&] { sensor->stop(); }), "meter.csv:3: error[POWER-CSV]"));
    CHECK_THROWS_AS(meter.open(), Error);
  }
  CsvFile meter;
  meter.append("time,power\n100,5\n");
  CHECK(contains(refused("POWER-CSV", [&] { meter.open(); }), "meter.csv:1: error[POWER-CSV]: 'time,power' is not"));
  CsvFile endless;
  endless.append("100,5\n" + std::string(100000, '1'));
  CHECK(contains(refused("POWER-CSV", [&] { endless.open(); }), "meter.csv:2:"));
}

TEST_CASE("power by a meter's file that is begun anew is refused") {
  CsvFile meter;
  meter.ramp(99, 100, 0.1);
  const auto sensor = meter.open();
  std::ofstream(meter.file) << "100,5\n";
  CHECK(contains(refused("POWER-SENSOR", [&] { sensor->start(); }), "became shorter"));
}
