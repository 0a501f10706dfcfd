#include "runtime/power_rails.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace dse::runtime {
namespace {

// Jetson boards: Xavier NX and Orin, Nano and TX1 by two kernels. AGX boards have none.
constexpr std::array<std::string_view, 3> whole_rails{"VDD_IN", "POM_5V_IN", "5V_IN"};

struct Inside {
  std::string_view part, whole;  // how their labels begin
};
constexpr std::array<Inside, 2> inside{{
    {"VDDQ_VDD2_1V8AO", "VIN_SYS_5V0"},  // AGX Orin (Jetson Linux Developer Guide, power rails)
    {"Ecore", "Esocket"},                // AMD's amd_energy
}};

bool part_of_another(const std::string& label, const std::vector<std::string>& labels) {
  return std::any_of(inside.begin(), inside.end(), [&](const Inside& pair) {
    return label.starts_with(pair.part) && std::any_of(labels.begin(), labels.end(), [&](const std::string& other) {
             return other.starts_with(pair.whole);
           });
  });
}

// An idle rail reads a little below 0: the offset of the INA3221 is up to 80 microvolts, 80 mA through a milliohm. It
// is counted as it is, since noise that is cut at 0 would add up.
constexpr std::int64_t least_milliamperes = -100, least_milliwatts = -500;

using Attribute = std::shared_ptr<const SysfsAttribute>;  // shared: a std::function can be copied
Attribute open(const fs::path& path) { return std::make_shared<const SysfsAttribute>(path); }

WattsMeter::Channel open_rail(const Rail& rail) {
  if (!rail.power.empty())
    return [file = open(rail.power)] {
      return 1e-6 * static_cast<double>(file->number({0, most_watts * 1'000'000}, "microwatts"));
    };
  if (!rail.milliwatts.empty())
    return [file = open(rail.milliwatts)] {
      return 1e-3 * static_cast<double>(file->number({least_milliwatts, most_watts * 1'000}, "milliwatts"));
    };
  return [voltage = open(rail.voltage), current = open(rail.current)] {
    const std::int64_t millivolts = voltage->number({0, 100'000}, "millivolts");
    const std::int64_t milliamperes = current->number({least_milliamperes, 200'000}, "milliamperes");
    return 1e-6 * static_cast<double>(millivolts * milliamperes);
  };
}

}  // namespace

ChannelChoice choose_channels(const std::vector<std::string>& labels) {
  const auto whole = std::find_first_of(labels.begin(), labels.end(), whole_rails.begin(), whole_rails.end());
  if (whole != labels.end()) return {{static_cast<std::size_t>(whole - labels.begin())}, true};
  ChannelChoice choice;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (!part_of_another(labels[i], labels)) choice.channels.push_back(i);
  return choice;
}

void describe_choice(const ChannelChoice& choice, const std::vector<std::string>& labels, PowerSensorFacts& facts) {
  for (const std::size_t i : choice.channels) facts.channels.push_back(labels[i]);
  facts.source += choice.whole                  ? ": total rail " + facts.channels.front()
                  : choice.channels.size() == 1 ? ": channel " + facts.channels.front()
                                                : fmt::format(": sum of {} channels", choice.channels.size());
}

FoundSensor rails_sensor(PowerSensorFacts facts, Scope scope, const std::vector<Rail>& rails, const PowerClock& clock) {
  std::vector<std::string> labels;
  for (const Rail& rail : rails) labels.push_back(rail.label);
  const ChannelChoice choice = choose_channels(labels);
  describe_choice(choice, labels, facts);
  facts.period_s = std::max(facts.period_s, shortest_period_s);
  return found_sensor(std::move(facts), choice.whole ? Scope::device : scope, [&](const PowerSensorFacts& chosen) {
    std::vector<WattsMeter::Channel> channels;
    for (const std::size_t i : choice.channels) channels.push_back(open_rail(rails[i]));
    return std::make_unique<SampledSensor>(chosen, std::make_unique<WattsMeter>(std::move(channels)), clock);
  });
}

double renewal_s(const fs::path& milliseconds) {
  if (!present(milliseconds)) return 0;
  constexpr std::int64_t a_day_ms = 86'400'000;
  const double seconds = 1e-3 * static_cast<double>(SysfsAttribute(milliseconds).number({0, a_day_ms}, "milliseconds"));
  if (seconds > longest_gap_s)
    throw Error(
        ExitCode::device, "POWER-SENSOR", {milliseconds.string()},
        fmt::format("the sensor is renewed every {} s; at most {} s can be integrated", seconds, longest_gap_s));
  return seconds;
}

}  // namespace dse::runtime
