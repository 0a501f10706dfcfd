// Sensors of hwmon (kernel: Documentation/hwmon/sysfs-interface.rst), <root>/sys/class/hwmon/hwmon*:
//
//   name                                                the driver
//   energyN_input                                       microjoules since some time, never going down
//   powerN_input, or powerN_average where that is all   microwatts
//   powerN_average_interval, update_interval            milliseconds
//   energyN_label, powerN_label                         what a channel measures
//
// and of the INA3221 (Documentation/hwmon/ina3221.rst), for N of 1 to 3: inN_input (millivolts), currN_input
// (milliamperes), inN_label, inN_enable. in4..in7 are microvolts of the shunts, curr4 is a sum.
//
// The devices of one driver are one sensor: a Xavier has two INA3221. Different drivers are never added up, they may
// measure the same thing. Counters are preferred to powers.
#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/power_rails.hpp"

namespace dse::runtime {
namespace {

// Drivers that measure something else than the device.
struct Foreign {
  std::string_view name, measures;
  bool numbered = false;  // the name goes on, as in BAT0
  bool is(std::string_view driver) const { return numbered ? driver.starts_with(name) : driver == name; }
};
constexpr Foreign foreign[] = {{"amdgpu", "a graphics card"},
                               {"radeon", "a graphics card"},
                               {"nouveau", "a graphics card"},
                               {"i915", "a graphics unit"},
                               {"xe", "a graphics unit"},
                               {"nvme", "a disk"},
                               {"BAT", "what a battery gives or is charged with", true},
                               {"ucsi_source_psy", "a socket of a charger", true}};

std::string device_name(const fs::path& device) {
  try {
    return read_label(device / "name", "unnamed");
  } catch (const Error&) {
    return "unnamed";  // its channels may be readable all the same
  }
}

// N of the files PREFIX N SUFFIX.
std::vector<int> numbers(const fs::path& device, const std::string& prefix, const std::string& suffix) {
  std::vector<int> found;
  for (const fs::path& file : entries(device, prefix)) {
    const std::string name = file.filename().string();
    int number = 0;
    const char* last = name.data() + name.size();
    const auto [end, error] = std::from_chars(name.data() + prefix.size(), last, number);
    if (error == std::errc() && std::string_view(end, last) == suffix) found.push_back(number);
  }
  return found;
}

std::string numbered(const std::string& prefix, int number, const std::string& suffix) {
  return prefix + std::to_string(number) + suffix;
}

// A channel without a label is named by its file: "hwmon2/power1".
std::string label(const fs::path& device, const std::string& channel) {
  return read_label(device / (channel + "_label"), device.filename().string() + "/" + channel);
}

struct Channels {
  std::vector<Rail> rails;
  std::vector<std::string> counter_labels;
  std::vector<fs::path> counters;
  double renewal_s = 0;  // of the slowest

  void renewed(const fs::path& milliseconds) { renewal_s = std::max(renewal_s, runtime::renewal_s(milliseconds)); }
};

void add_counters(const fs::path& device, Channels& channels) {
  for (const int n : numbers(device, "energy", "_input")) {
    channels.counter_labels.push_back(label(device, numbered("energy", n, "")));
    channels.counters.push_back(device / numbered("energy", n, "_input"));
  }
}

void add_powers(const fs::path& device, Channels& channels) {
  for (const int n : numbers(device, "power", "_input"))
    channels.rails.push_back(
        {label(device, numbered("power", n, "")), device / numbered("power", n, "_input"), {}, {}, {}});
  for (const int n : numbers(device, "power", "_average")) {
    if (present(device / numbered("power", n, "_input"))) continue;
    channels.rails.push_back(
        {label(device, numbered("power", n, "")), device / numbered("power", n, "_average"), {}, {}, {}});
    channels.renewed(device / numbered("power", n, "_average_interval"));
  }
}

void add_ina3221(const fs::path& device, Channels& channels) {
  for (int n = 1; n <= 3; ++n) {
    const fs::path voltage = device / numbered("in", n, "_input"), current = device / numbered("curr", n, "_input");
    const fs::path enable = device / numbered("in", n, "_enable");
    if (!present(voltage) || !present(current)) continue;
    if (present(enable) && SysfsAttribute(enable).number({0, 1}, "0 or 1") == 0) continue;
    channels.rails.push_back({label(device, numbered("in", n, "")), {}, {}, voltage, current});
  }
}

Channels find_channels(const std::string& name, const std::vector<fs::path>& devices) {
  Channels channels;
  for (const fs::path& device : devices) {
    add_counters(device, channels);
    add_powers(device, channels);
    if (name == "ina3221") add_ina3221(device, channels);
    if (!channels.rails.empty()) channels.renewed(device / "update_interval");
  }
  return channels;
}

FoundSensor counters_sensor(PowerSensorFacts facts, const Channels& channels, const PowerClock& clock) {
  const ChannelChoice choice = choose_channels(channels.counter_labels);
  describe_choice(choice, channels.counter_labels, facts);
  facts.counter = true;
  return found_sensor(std::move(facts), choice.whole ? Scope::device : Scope::unknown, [&](PowerSensorFacts& learnt) {
    std::vector<EnergyCounter> counters;
    for (const std::size_t i : choice.channels) counters.push_back({SysfsAttribute(channels.counters[i])});
    learnt.period_s = counter_period(counters);
    return std::make_unique<SampledSensor>(learnt, std::make_unique<CounterMeter>(std::move(counters)), clock);
  });
}

FoundSensor unusable(PowerSensorFacts facts, std::string why_not) {
  return {std::move(facts), Scope::unknown, nullptr, std::move(why_not)};
}

// Whether a driver has anything to do with power, without reading it.
bool has_power(const std::string& name, const std::vector<fs::path>& devices) {
  return name == "ina3221" || std::any_of(devices.begin(), devices.end(), [](const fs::path& device) {
           return !numbers(device, "energy", "_input").empty() || !numbers(device, "power", "_input").empty() ||
                  !numbers(device, "power", "_average").empty();
         });
}

FoundSensor driver_sensor(const std::string& name, const std::vector<fs::path>& devices, const PowerClock& clock) {
  PowerSensorFacts facts{"hwmon", "hwmon " + name + " (" + devices.front().string() + ")", {}, 0, false};
  if (devices.size() > 1) facts.source.insert(facts.source.size() - 1, " and others");
  for (const Foreign& other : foreign)
    if (other.is(name)) return unusable(facts, "measures " + std::string(other.measures));
  Channels channels;
  try {
    channels = find_channels(name, devices);
  } catch (const Error& error) {
    return unusable(facts, reason(error));
  }
  if (!channels.counters.empty()) return counters_sensor(facts, channels, clock);
  if (channels.rails.empty()) return unusable(facts, "none of its channels is enabled");
  facts.period_s = channels.renewal_s;
  return rails_sensor(facts, name == "ina3221" ? Scope::rails : Scope::unknown, channels.rails, clock);
}

}  // namespace

std::vector<FoundSensor> find_hwmon_sensors(const fs::path& root, const PowerClock& clock) {
  std::map<std::string, std::vector<fs::path>> drivers;
  for (const fs::path& device : entries(root / "sys/class/hwmon", "hwmon"))
    drivers[device_name(device)].push_back(device);
  std::vector<FoundSensor> found;
  for (const auto& [name, devices] : drivers)
    if (has_power(name, devices)) found.push_back(driver_sensor(name, devices, clock));
  return found;
}

}  // namespace dse::runtime
