#include <doctest/doctest.h>

#include <utility>

#include "tests/runtime/power_support.hpp"

using namespace dse;
using namespace dse::runtime;
using namespace dse::runtime::test;

TEST_CASE("power of an INA3221 is that of the total rail") {
  const Tree tree;
  FakeTime time;
  tree.set(hwmon / "hwmon0/name", "coretemp");
  ina3221(tree, hwmon / "hwmon1", {"VDD_CPU_GPU_CV", "VDD_IN", "VDD_SOC"});
  // The sum of the shunts' voltages and currents is no rail.
  tree.set(hwmon / "hwmon1/in4_input", "40000");
  tree.set(hwmon / "hwmon1/curr4_input", "600");
  const auto sensor = open(tree, time, "hwmon");
  CHECK(sensor->facts().kind == "hwmon");
  CHECK(sensor->facts().channels == std::vector<std::string>{"VDD_IN"});
  CHECK(contains(sensor->facts().source, "hwmon ina3221"));
  CHECK(contains(sensor->facts().source, "total rail VDD_IN"));
  CHECK_FALSE(sensor->facts().counter);
  CHECK(1 / sensor->facts().period_s >= 350);

  const EnergyReading reading = measure(*sensor, time, 2);
  CHECK(reading.joules == doctest::Approx(5.0 * 0.2 * 2));
  CHECK(reading.seconds == doctest::Approx(2));
  CHECK(reading.samples >= 700);
  CHECK(reading.longest_gap_s <= 0.003);
  // Anew, at another power.
  tree.set(hwmon / "hwmon1/curr2_input", "1000");
  CHECK(measure(*sensor, time, 4).joules == doctest::Approx(20));
}

TEST_CASE("power of an INA3221 without a total rail is the sum over all chips") {
  const Tree tree;
  FakeTime time;
  ina3221(tree, hwmon / "hwmon2", {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"});
  ina3221(tree, hwmon / "hwmon10", {"OTHER", "VDDQ_VDD2_1V8AO", "OFF"});
  tree.set(hwmon / "hwmon10/in3_enable", "0");
  tree.lose(hwmon / "hwmon10/in3_input");
  tree.set(hwmon / "hwmon10/curr1_input", "-8");  // the offset of an idle rail
  tree.set(hwmon / "hwmon10/update_interval", "20");
  const auto sensor = open(tree, time);
  // VDDQ_VDD2_1V8AO is fed by VIN_SYS_5V0.
  CHECK(sensor->facts().channels == std::vector<std::string>{"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "OTHER"});
  CHECK(contains(sensor->facts().source, "sum of 4 channels"));
  CHECK(sensor->facts().period_s == doctest::Approx(0.02));
  CHECK(measure(*sensor, time, 10).joules == doctest::Approx(5.0 * (0.1 + 0.2 + 0.3 - 0.008) * 10));
}

TEST_CASE("power in hwmon's microwatts") {
  const Tree tree;
  FakeTime time;
  tree.set(hwmon / "hwmon0/name", "ina226");
  tree.set(hwmon / "hwmon0/power1_input", "4871000");
  tree.set(hwmon / "hwmon0/power1_average", "1");  // of the same channel
  tree.set(hwmon / "hwmon0/power2_average", "1000000");
  tree.set(hwmon / "hwmon0/power2_average_interval", "50");
  tree.set(hwmon / "hwmon0/power2_label", "fan");
  const auto sensor = open(tree, time);
  CHECK(sensor->facts().channels == std::vector<std::string>{"hwmon0/power1", "fan"});
  CHECK(sensor->facts().period_s == doctest::Approx(0.05));
  CHECK(measure(*sensor, time, 10).joules == doctest::Approx(58.71));
  // Too short for a sensor that is renewed 20 times a second.
  sensor->start();
  time.run(1);
  CHECK(contains(refused("POWER-SPARSE", [&] { sensor->stop(); }), "measure for longer"));
}

TEST_CASE("power sensors that are renewed too seldom are not used") {
  const Tree tree;
  tree.set(hwmon / "hwmon0/name", "power_meter");
  tree.set(hwmon / "hwmon0/power1_average", "40000000");
  tree.set(hwmon / "hwmon0/power1_average_interval", "5000");
  FakeTime time;
  const std::string error = refused("POWER-SENSOR", [&] { open(tree, time, "hwmon"); });
  CHECK(contains(error, "power1_average_interval: the sensor is renewed every 5 s; at most 2 s"));
}

TEST_CASE("power counted by hwmon") {
  const Tree tree;
  FakeTime time;
  const fs::path device = hwmon / "hwmon3";
  tree.set(device / "name", "amd_energy");
  for (const auto& [n, label] : {std::pair{"1", "Ecore000"}, {"2", "Ecore001"}, {"3", "Esocket0"}}) {
    tree.set(device / ("energy" + std::string(n) + "_input"), "1000000");
    tree.set(device / ("energy" + std::string(n) + "_label"), label);
  }
  const auto sensor = open(tree, time);
  CHECK(sensor->facts().counter);
  CHECK(sensor->facts().channels == std::vector<std::string>{"Esocket0"});  // cores are inside
  tree.set(device / "energy3_input", "2000000");                            // before the measurement
  sensor->start();
  time.run(1);
  tree.set(device / "energy3_input", "9500000");
  CHECK(sensor->stop()->joules == doctest::Approx(7.5));
  sensor->start();
  tree.set(device / "energy3_input", "9400000");
  CHECK(contains(refused("POWER-VALUE", [&] { sensor->stop(); }), "from 9500000 to 9400000"));
}

TEST_CASE("power by NVIDIA's older kernels") {
  const Tree tree;
  FakeTime time;
  const fs::path device = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0";
  tree.set("sys/bus/i2c/drivers/ina3221x/bind", "");
  tree.set(device / "in_power0_input", "2500");
  tree.set(device / "in_power1_input", "400");
  tree.set(device / "in_power2_input", "600");
  tree.set(device / "rail_name_0", "POM_5V_IN");
  tree.set(device / "rail_name_1", "POM_5V_GPU");
  tree.set(device / "rail_name_2", "POM_5V_CPU");
  const auto nano = open(tree, time, "hwmon");
  CHECK(contains(nano->facts().source, "total rail POM_5V_IN"));
  CHECK(measure(*nano, time, 2).joules == doctest::Approx(5));
  tree.set(device / "rail_name_0", "NC");
  CHECK(measure(*open(tree, time, "hwmon"), time, 2).joules == doctest::Approx(2));
}
