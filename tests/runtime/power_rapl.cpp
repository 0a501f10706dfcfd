#include <doctest/doctest.h>

#include "tests/runtime/power_support.hpp"

using namespace dse;
using namespace dse::runtime;
using namespace dse::runtime::test;

TEST_CASE("power by RAPL: one of two packages goes round") {
  const Tree tree;
  FakeTime time;
  rapl(tree, "intel-rapl:0", "package-0", "262143000000");
  rapl(tree, "intel-rapl:0:0", "core", "5");
  rapl(tree, "intel-rapl:0:1", "dram", "1000");
  rapl(tree, "intel-rapl:1", "package-1", "7000000");
  rapl(tree, "intel-rapl:2", "psys", "0");
  rapl(tree, "intel-rapl-mmio:0", "package-0", "262143000000");
  tree.set(powercap / "intel-rapl/enabled", "1");
  const auto sensor = open(tree, time);
  CHECK(sensor->facts().kind == "rapl");
  CHECK(sensor->facts().counter);
  CHECK(sensor->facts().channels == std::vector<std::string>{"package-0", "package-1", "intel-rapl:0:1 dram"});
  CHECK(contains(sensor->facts().source, "psys is there, and left out"));
  CHECK(sensor->facts().period_s <= 10);
  sensor->start();
  time.run(5);
  tree.set(powercap / "intel-rapl:0/energy_uj", "2000000");     // 328,850 to the end of the range, then 2,000,000
  tree.set(powercap / "intel-rapl:1/energy_uj", "11000000");    // 4 J
  tree.set(powercap / "intel-rapl:0:1/energy_uj", "501000");    // 0.5 J
  tree.set(powercap / "intel-rapl:0:0/energy_uj", "90000000");  // inside the package
  tree.set(powercap / "intel-rapl:2/energy_uj", "99000000");
  CHECK(sensor->stop()->joules == doctest::Approx(2.32885 + 4 + 0.5).epsilon(1e-9));
}

TEST_CASE("power by RAPL: a counter that goes round twice is read in between") {
  const Tree tree;
  FakeTime time;
  rapl(tree, "intel-rapl:0", "package-0", "200000000000");
  const auto sensor = open(tree, time, "rapl");
  sensor->start();
  // The thread reads on its own: the same number comes back after a whole round.
  for (const char* energy : {"255000000000", "1000000000", "60000000000", "130000000000", "200000000000"}) {
    tree.set(powercap / "intel-rapl:0/energy_uj", energy);
    time.run(20);
  }
  CHECK(sensor->stop()->joules == doctest::Approx(262143.32885).epsilon(1e-9));
}

TEST_CASE("power by RAPL: absurd counters are refused") {
  const Tree tree;
  FakeTime time;
  rapl(tree, "intel-rapl:0", "package-0", "100000000000");
  const auto sensor = open(tree, time, "rapl");
  sensor->start();
  tree.set(powercap / "intel-rapl:0/energy_uj", "0");  // reset: 162 kJ at once
  CHECK(contains(refused("POWER-VALUE", [&] { sensor->stop(); }), "was it reset?"));
  for (const char* energy : {"", "-1", "1e6", "12 ", " 12", "0x10", "12\n13", "262143328851", "99999999999999999999"}) {
    CAPTURE(energy);
    tree.set(powercap / "intel-rapl:0/energy_uj", energy);
    const std::string error = refused("POWER-SENSOR", [&] { open(tree, time, "rapl"); });
    CHECK(contains(error, "energy_uj: holds '"));
    CHECK(contains(error, "from 0 to 262143328850 was expected"));
  }
  rapl(tree, "intel-rapl:0", "package-0", "1");
  tree.set(powercap / "intel-rapl:0/max_energy_range_uj", "0");
  CHECK(contains(refused("POWER-SENSOR", [&] { open(tree, time, "rapl"); }), "max_energy_range_uj: holds '0'"));
}
