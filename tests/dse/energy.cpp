// Measured energy: validate beside its estimate, calibrate into a profile. Sensors are constructed trees.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "dse/archive/archive.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/power_calibration.hpp"
#include "dse/commands/validated_energy.hpp"
#include "models/zoo.hpp"
#include "platform/platform.hpp"
#include "tests/runtime/power_support.hpp"

using namespace dse;
using namespace dse::runtime::test;
using nlohmann::json;

namespace {

using Words = std::vector<std::pair<std::string, std::string>>;

struct Ran {
  int exit = 0;
  std::string error, out, notes;
};

Ran run(const Command& command, const Words& words, Format format = Format::json) {
  Arguments arguments;
  for (const OptionSpec& option : command.options)
    if (!option.fallback.empty()) arguments.set(option.name.substr(option.name.find("--")), option.fallback);
  for (const auto& [name, value] : words) arguments.set(name, value);
  std::ostringstream out, err;
  Console console{out, err, format, false, false};
  Ran ran;
  try {
    ran.exit = command.run(arguments, console);
  } catch (const Error& error) {
    ran.exit = static_cast<int>(error.exit());
    ran.error = error.what();
  }
  ran.out = out.str();
  ran.notes = err.str();
  return ran;
}

// The tiny network explored for so many local devices; a single one has all of it to itself.
class Explored {
 public:
  explicit Explored(int devices) {
    zoo::make("tiny", file("tiny.onnx"));
    std::string platform = "dse: platform/1\nname: p\ndevices:\n";
    for (int d = 0; d < devices; ++d)
      platform += "  - {name: d" + std::to_string(d) + ", host: localhost, cores: 1, memory: 2 GiB}\n";
    write_file(file("p.yaml"), platform);
    REQUIRE(run(explore_command(), {{"MODEL", file("tiny.onnx")},
                                    {"--platform", file("p.yaml")},
                                    {"--db", file("runs.db")},
                                    {"--evaluations", "100"},
                                    {"--seed", "1"}})
                .exit == 0);
  }
  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  Ran validate(Words more, Format format = Format::json) const {
    more.insert(more.begin(), {{"DB", file("runs.db")}, {"--rounds", "1"}});
    return run(validate_command(), more, format);
  }
  std::vector<archive::Validation> stored(std::int64_t candidate) const {
    return archive::Archive::open(file("runs.db"), archive::Archive::Mode::read_only).validations(candidate);
  }

 private:
  TempDir folder_{"dse-energy"};
};

validator::ReportDevice device(const std::string& name, std::optional<validator::ReportEnergy> energy = {}) {
  validator::ReportDevice result;
  result.device = name;
  result.energy = std::move(energy);
  return result;
}

}  // namespace

TEST_CASE("validate measures the energy of a device alone on its host, stores it and names the sensor") {
  const Explored explored(1);
  const Tree tree;
  const Words sensor{{"--frames", "20000"}, {"--power-root", tree.root().string()}};
  const Ran none = explored.validate({{"--frames", "20"}, {"--power-root", tree.root().string()}});
  REQUIRE(none.error == "");
  CHECK(json::parse(none.out)[0]["energy_label"] == "no sensor");
  CHECK(json::parse(none.out)[0]["energy"].empty());
  const LivingCounter counter(tree, 6);
  const Ran ran = explored.validate(sensor);
  CAPTURE(ran.notes);
  REQUIRE(ran.error == "");
  const json one = json::parse(ran.out)[0];
  CAPTURE(one.dump());
  CHECK(one["energy_label"] == "measured with rapl");
  CHECK(one["energy_assumed"] == true);
  REQUIRE(one["energy"].size() == 1);
  CHECK(one["energy"][0]["devices"] == json({"d0"}));
  const double joules = one["measured"]["energy_max_j"].get<double>();
  CHECK(joules / one["measured"]["period_s"].get<double>() == doctest::Approx(6).epsilon(0.25));
  CHECK(one["energy"][0]["measured_j"] == joules);
  CHECK(one["energy"][0]["estimated_j"] == one["estimated"]["energy_max_j"]);
  CHECK(contains(ran.notes, "energy of d0: "));
  CHECK(contains(ran.notes, "estimated (assumed)"));
  const auto stored = explored.stored(one["candidate_id"]);
  REQUIRE(stored.size() == 2);
  CHECK_FALSE(stored[0].energy_measured_j.has_value());
  CHECK(stored[1].energy_measured_j == joules);
  CHECK(stored[1].devices[0].energy_measured_j == joules);
  CHECK(json::parse(stored[1].provenance_json)["energy"] == one["energy"]);
  // The table says what it rests on; a run too short for the sensor is a reason, not a failure.
  const Ran table = explored.validate({{"--frames", "20"}, {"--power-root", tree.root().string()}}, Format::table);
  CHECK(table.exit == 0);
  CHECK(contains(table.out, "energy, highest (assumed)"));
  CHECK(contains(table.out, "not measured"));
  CHECK(contains(table.notes, "energy of d0: not measured: "));
  CHECK(contains(table.notes, "POWER-SPARSE"));
  CHECK(explored.validate({{"--power-sensor", "hope"}}).exit == 2);
}

TEST_CASE("energy that several devices of a host took together is nobody's own") {
  const validator::ReportEnergy both{"rapl", "packages", {0, 2}, 0.5, 2, 3, ""};
  const validator::ReportEnergy alone{"hwmon", "VDD_IN", {1}, 0.25, 2, 800, ""};
  validator::Measurement measured;
  measured.devices = {device("a", both), device("b", alone), device("c")};
  archive::Validation validation;
  validation.devices.resize(3);
  const auto hosts = host_energies(measured, {1, 2, 4});
  REQUIRE(hosts.size() == 2);
  CHECK(hosts[0].devices == std::vector<std::string>{"a", "c"});
  CHECK(hosts[0].estimated_j == 5);
  CHECK(hosts[1].estimated_j == 2);
  store_energy(hosts, validation);
  CHECK_FALSE(validation.devices[0].energy_measured_j.has_value());
  CHECK(validation.devices[1].energy_measured_j == 0.25);
  CHECK_FALSE(validation.devices[2].energy_measured_j.has_value());
  CHECK_FALSE(validation.energy_measured_j.has_value());  // a or c may take more than b
  CHECK(energy_label(hosts) == "measured with rapl, hwmon");
  CHECK(contains(energy_lines(hosts, false)[0], "energy of a and c together"));
  CHECK_FALSE(contains(energy_lines(hosts, false)[0], "assumed"));
  measured.devices = {device("a", alone), device("b", alone)};
  measured.devices[0].energy->ranks = {0};
  measured.devices[0].energy->joules_per_frame = 0.75;
  validation = {};
  validation.devices.resize(2);
  store_energy(host_energies(measured, {1, 2}), validation);
  CHECK(validation.energy_measured_j == 0.75);
}

TEST_CASE("thread counts whose power is measured are spread evenly") {
  CHECK(spread_thread_counts({1, 2, 3}, 3) == std::vector<int>{1, 2, 3});
  CHECK(spread_thread_counts({1, 2, 3, 4, 5, 6, 7, 8, 9}, 3) == std::vector<int>{1, 5, 9});
  CHECK(spread_thread_counts({1, 2, 4}, 1) == std::vector<int>{4});
}

TEST_CASE("calibrate measures power states where there is a sensor, and a platform uses them") {
  const TempDir folder("dse-calibrate-power");
  const auto file = [&](const std::string& name) { return (folder.path() / name).string(); };
  zoo::make("tiny", file("tiny.onnx"));
  const Tree tree;
  const auto calibrate = [&](const std::string& profile, const std::string& kind) {
    return run(calibrate_command(), {{"--model", file("tiny.onnx")},
                                     {"--output", file(profile)},
                                     {"--threads", "1"},
                                     {"--budget", "500ms"},
                                     {"--power-sensor", kind},
                                     {"--power-root", tree.root().string()}});
  };
  CHECK(calibrate("x.yaml", "rapl").exit == 7);  // asked for, and not there: before anything is measured
  CHECK_FALSE(fs::exists(file("x.yaml")));
  REQUIRE(calibrate("none.yaml", "auto").error == "");
  CHECK_FALSE(read_device_profile(file("none.yaml")).power.has_value());
  const LivingCounter counter(tree, 7);
  const Ran ran = calibrate("p.yaml", "auto");
  CAPTURE(ran.notes);
  REQUIRE(ran.error == "");
  const DeviceProfile profile = read_device_profile(file("p.yaml"));
  REQUIRE(profile.power.has_value());
  CHECK(contains(profile.power->sensor, "rapl, "));
  CHECK(profile.power->idle_watts == doctest::Approx(7).epsilon(0.05));
  REQUIRE(profile.power->active.size() == 1);
  CHECK(profile.power->active[0].threads == 1);
  CHECK(profile.power->active[0].watts == doctest::Approx(7).epsilon(0.05));
  REQUIRE(profile.power->waiting_watts.has_value());
  CHECK(*profile.power->waiting_watts == doctest::Approx(7).epsilon(0.05));
  CHECK(contains(ran.notes, "power measured with rapl"));
  const Platform platform = parse_platform(
      "dse: platform/1\ndevices:\n  - {name: a, host: localhost, cores: 1, memory: 1 GiB, profile: p.yaml}\n",
      file("platform.yaml"));
  CHECK(platform.devices[0].power.source == Provenance::measured);
  CHECK(platform.devices[0].power.idle_watts == profile.power->idle_watts);
}
