#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>

#include "runtime/power_sampling.hpp"
#include "tests/runtime/power_support.hpp"

using namespace dse;
using namespace dse::runtime;
using namespace dse::runtime::test;

TEST_CASE("power sensors that cannot be read are passed over, with the reason") {
  const Tree tree;
  FakeTime time;
  ina3221(tree, hwmon / "hwmon0", {"VDD_IN"});
  tree.lose(hwmon / "hwmon0/curr1_input");
  rapl(tree, "intel-rapl:0", "package-0", "1");
  tree.set(hwmon / "hwmon1/name", "amdgpu");
  tree.set(hwmon / "hwmon1/power1_average", "30000000");
  tree.set(hwmon / "hwmon2/name", "acpitz");
  CHECK(open(tree, time)->facts().kind == "rapl");
  const std::string error = refused("POWER-SENSOR", [&] { open(tree, time, "hwmon"); });
  CHECK(contains(error, "hwmon0/curr1_input: cannot be opened: No such file"));
  CHECK(contains(error, "amdgpu"));

  tree.lose(powercap / "intel-rapl:0/energy_uj");
  const auto listed = list_power_sensors(tree.root());
  REQUIRE(listed.size() == 3);
  CHECK(listed[0].facts.channels == std::vector<std::string>{"VDD_IN"});
  CHECK_FALSE(listed[0].readable);
  CHECK(contains(listed[0].why_not, "curr1_input"));
  CHECK(listed[1].facts.kind == "rapl");
  CHECK(contains(listed[1].why_not, "energy_uj: cannot be opened"));
  CHECK(listed[2].why_not == "measures a graphics card");

  // Nothing is left: no sensor, which says why.
  const auto none = open(tree, time);
  CHECK(none->facts().kind == "none");
  CHECK(contains(none->facts().source, "energy_uj: cannot be opened"));
  CHECK(contains(none->facts().source, "curr1_input"));
}

TEST_CASE("power sensors that only root may read") {
  const Tree tree;
  rapl(tree, "intel-rapl:0", "package-0", "1");
  const fs::path energy = tree.root() / powercap / "intel-rapl:0/energy_uj";
  REQUIRE(::chmod(energy.c_str(), 0) == 0);
  const auto listed = list_power_sensors(tree.root());
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].readable == (::geteuid() == 0));
  if (!listed[0].readable) CHECK(contains(listed[0].why_not, "give this user read access"));
}

TEST_CASE("power of the best scope is taken first") {
  const Tree tree;
  FakeTime time;
  tree.set(hwmon / "hwmon0/name", "corsairpsu");
  tree.set(hwmon / "hwmon0/power1_input", "1000000");
  CHECK(contains(open(tree, time)->facts().source, "corsairpsu"));
  rapl(tree, "intel-rapl:0", "package-0", "1");
  CHECK(open(tree, time)->facts().kind == "rapl");
  ina3221(tree, hwmon / "hwmon1", {"CPU"});
  CHECK(contains(open(tree, time)->facts().source, "hwmon ina3221"));
  tree.set("sys/bus/i2c/drivers/ina3221x/1-0041/iio:device1/in_power0_input", "1");
  tree.set("sys/bus/i2c/drivers/ina3221x/1-0041/iio:device1/rail_name_0", "VDD_IN");
  CHECK(contains(open(tree, time)->facts().source, "ina3221x"));
  CHECK(list_power_sensors(tree.root()).size() == 4);
}

TEST_CASE("power sensor: none, and kinds that there are not") {
  const Tree tree;
  FakeTime time;
  for (const char* kind : {"none", "auto"}) {
    const auto sensor = open(tree, time, kind);
    CHECK(sensor->facts().kind == "none");
    sensor->start();
    CHECK_FALSE(sensor->stop().has_value());
  }
  CHECK(list_power_sensors(tree.root()).empty());
  CHECK(contains(refused("POWER-SENSOR", [&] { open(tree, time, "hope"); }), "auto, hwmon, rapl, csv:FILE, none"));
  CHECK(contains(refused("POWER-SENSOR", [&] { open(tree, time, "csv:"); }), "csv:meter.csv"));
  CHECK(contains(refused("POWER-SENSOR", [&] { open(tree, time, "rapl"); }), "no power sensor was found under"));
  CHECK_THROWS_AS(open(tree, time, "csv:" + (tree.root() / "missing").string()), Error);
  CHECK_THROWS_AS(open(tree, time, "csv:" + tree.root().string()), Error);
}

TEST_CASE("power is integrated by trapezoid") {
  double watts = 1, other = 10;
  WattsMeter meter({[&] { return watts; }, [&] { return other; }});
  meter.begin();
  watts = 3;
  CHECK(meter.joules(0.5) == doctest::Approx(6));  // from 11 W to 13 W
  other = 0;
  CHECK(meter.joules(2) == doctest::Approx(16));  // from 13 W to 3 W
  CHECK(meter.joules(0) == 0);
}

TEST_CASE("power is sampled by a thread that can be stopped") {
  FakeTime time;
  std::vector<double> steps;
  {
    SamplingThread sampling(time.clock(), 0.25, [&](double now_s) { steps.push_back(now_s); });
    time.run(1.1);
    sampling.stop();
  }
  CHECK(steps == std::vector<double>{1000, 1000.25, 1000.5, 1000.75, 1001, 1001.1});

  std::promise<void> thrown;
  int taken = 0;
  SamplingThread failing(PowerClock::real(), 1e-4, [&](double) {
    if (++taken < 3) return;
    thrown.set_value();
    throw Error(ExitCode::device, "POWER-VALUE", "broken");
  });
  thrown.get_future().wait();
  CHECK_THROWS_AS(failing.stop(), Error);
  CHECK(taken == 3);
  // One that is never stopped goes with its owner.
  const SamplingThread left(PowerClock::real(), 3600, [](double) {});
}
