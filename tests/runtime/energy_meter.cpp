#include "runtime/energy_meter.hpp"

#include <doctest/doctest.h>

#include "tests/runtime/power_support.hpp"

using namespace dse;
using namespace dse::runtime;
using namespace dse::runtime::test;

TEST_CASE("energy is of all ranks of a host, and told by the lowest") {
  const std::vector<std::uint64_t> hosts{7, 8, 7, 8, 9, 7};
  CHECK(ranks_beside(0, 5, hosts) == std::vector<std::size_t>{0, 2});  // rank 5 has no device
  CHECK(ranks_beside(2, 5, hosts) == std::vector<std::size_t>{0, 2});
  CHECK(ranks_beside(3, 6, hosts) == std::vector<std::size_t>{1, 3});
  CHECK(ranks_beside(4, 6, hosts) == std::vector<std::size_t>{4});
}

TEST_CASE("energy of a run is measured, or the reason is kept") {
  const Tree tree;
  FakeTime time;
  const auto meter = [&](const std::string& kind) { return EnergyMeter({kind, tree.root(), time.clock()}, {0, 1}); };
  const auto advance = [&](double seconds, const char* energy) {
    time.run(seconds);
    tree.set(powercap / "intel-rapl:0/energy_uj", energy);
  };
  CHECK_FALSE(meter("auto").result().has_value());
  CHECK_FALSE(meter("none").result().has_value());
  CHECK(contains(meter("rapl").result()->failure, "no power sensor was found"));
  rapl(tree, "intel-rapl:0", "package-0", "1000000");
  CHECK_FALSE(meter("none").result().has_value());
  SUBCASE("measured") {
    EnergyMeter one = meter("auto");
    one.stop();  // before it was started: nothing
    CHECK_FALSE(one.result()->reading.has_value());
    one.start();
    advance(2, "9000000");
    one.stop();
    CHECK(one.result()->failure.empty());
    CHECK(one.result()->sensor.kind == "rapl");
    CHECK(one.result()->ranks == std::vector<std::size_t>{0, 1});
    CHECK(one.result()->reading->joules == doctest::Approx(8));
    CHECK(one.result()->reading->seconds == doctest::Approx(2));
  }
  SUBCASE("for too short a time") {
    EnergyMeter one = meter("rapl");
    one.start();
    advance(0.2, "1500000");
    one.stop();
    CHECK_FALSE(one.result()->reading.has_value());
    CHECK(contains(one.result()->failure, "POWER-SPARSE"));
  }
  SUBCASE("by a sensor that breaks") {
    EnergyMeter one = meter("rapl");
    one.start();
    advance(2, "nonsense");
    one.stop();
    CHECK_FALSE(one.result()->reading.has_value());
    CHECK(contains(one.result()->failure, "POWER-VALUE"));
    one.start();
    one.stop();
    CHECK(contains(one.result()->failure, "POWER-VALUE"));
  }
}
