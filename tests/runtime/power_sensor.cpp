#include "runtime/power_sensor.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <utility>

#include "base/error.hpp"
#include "runtime/power_sampling.hpp"

using namespace dse;
using namespace dse::runtime;

namespace {

// A constructed sysfs.
class Tree {
 public:
  // In place: a sensor keeps its files open.
  void set(const fs::path& file, const std::string& text) const {
    fs::create_directories((root() / file).parent_path());
    std::ofstream(root() / file) << text << '\n';
  }
  // Makes a file that even root cannot open.
  void lose(const fs::path& file) const {
    fs::create_directories((root() / file).parent_path());
    fs::remove(root() / file);
    fs::create_symlink("nowhere", root() / file);
  }
  const fs::path& root() const { return folder_.path(); }

 private:
  TempDir folder_{"dse-power"};
};

// Time that passes only when a test says so: a sampling thread takes the steps that are due until then.
class FakeTime {
 public:
  PowerClock clock() {
    return {[this] { return now(); }, [this] { return now(); },
            [this](const std::stop_token& stop, double due) { wait(stop, due); }};
  }

  void run(double seconds) {
    std::unique_lock lock(mutex_);
    until_ += seconds;
    changed_.notify_all();
    changed_.wait(lock, [this] { return due_ > until_; });
    now_ = until_;
  }

 private:
  double now() {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  void wait(const std::stop_token& stop, double due) {
    std::unique_lock lock(mutex_);
    due_ = due;
    changed_.notify_all();
    if (changed_.wait(lock, stop, [&] { return due <= until_; })) now_ = due;
    due_ = 0;
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  double now_ = 1000, until_ = 1000;
  double due_ = 0;  // what the thread waits for; 0: it does not wait
};

std::unique_ptr<PowerSensor> open(const Tree& tree, FakeTime& time, const std::string& kind = "auto") {
  return open_power_sensor({kind, tree.root(), time.clock()});
}

EnergyReading measure(PowerSensor& sensor, FakeTime& time, double seconds) {
  sensor.start();
  time.run(seconds);
  return sensor.stop().value();
}

template <class Act>
std::string refused(const char* code, const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("not refused");
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const fs::path hwmon = "sys/class/hwmon", powercap = "sys/class/powercap";

void ina3221(const Tree& tree, const fs::path& device, const std::vector<std::string>& labels) {
  tree.set(device / "name", "ina3221");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::string n = std::to_string(i + 1);
    tree.set(device / ("in" + n + "_label"), labels[i]);
    tree.set(device / ("in" + n + "_input"), "5000");
    tree.set(device / ("curr" + n + "_input"), std::to_string(100 * (i + 1)));
  }
}

void rapl(const Tree& tree, const std::string& zone, const std::string& name, const std::string& energy) {
  tree.set(powercap / zone / "name", name);
  tree.set(powercap / zone / "energy_uj", energy);
  tree.set(powercap / zone / "max_energy_range_uj", "262143328850");
}

}  // namespace

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
