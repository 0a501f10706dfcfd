#include "runtime/power_sensor.hpp"

#include <algorithm>
#include <iterator>

#include "runtime/power_kinds.hpp"

namespace dse::runtime {
namespace {

class NoSensor final : public PowerSensor {
 public:
  explicit NoSensor(std::string why) : PowerSensor({"none", std::move(why), {}, 0, false}) {}
  void start() override {}
  std::optional<EnergyReading> stop() override { return std::nullopt; }
};

std::vector<FoundSensor> find_all(const fs::path& root, const PowerClock& clock) {
  std::vector<FoundSensor> all;
  for (const auto find : {find_hwmon_sensors, find_ina3221x_sensors, find_rapl_sensors})
    std::ranges::move(find(root, clock), std::back_inserter(all));
  std::ranges::stable_sort(all, {}, &FoundSensor::scope);
  return all;
}

// Why no sensor was opened: "no power sensor can be read: FIRST; SECOND".
std::string reasons(const std::vector<FoundSensor>& found, const fs::path& root) {
  if (found.empty()) return "no power sensor was found under " + (root / "sys").string();
  std::string text = "no power sensor can be read";
  for (std::size_t i = 0; i < found.size(); ++i)
    text += (i == 0 ? ": " : "; ") + found[i].facts.source + ": " + found[i].why_not;
  return text;
}

constexpr std::string_view csv = "csv:";

}  // namespace

std::string checked_power_kind(const std::string& kind) {
  if (kind == csv) throw Error(ExitCode::usage, "POWER-SENSOR", "'csv:' needs a file behind it, as in csv:meter.csv");
  for (const char* known : {"auto", "hwmon", "rapl", "none"})
    if (kind == known) return kind;
  if (kind.starts_with(csv)) return kind;
  throw Error(ExitCode::usage, "POWER-SENSOR",
              "'" + printable(kind, 60) + "' is no kind of power sensor; there are auto, hwmon, rapl, csv:FILE, none");
}

std::unique_ptr<PowerSensor> open_power_sensor(const PowerSensorOptions& options) {
  const std::string kind = checked_power_kind(options.kind);
  if (kind == "none") return std::make_unique<NoSensor>("no power sensor was asked for");
  if (kind.starts_with(csv)) return open_csv_meter(kind.substr(csv.size()), options.clock);
  std::vector<FoundSensor> found = find_all(options.root, options.clock);
  if (kind != "auto") std::erase_if(found, [&](const FoundSensor& each) { return each.facts.kind != kind; });
  for (FoundSensor& each : found)
    if (each.sensor) return std::move(each.sensor);
  if (kind == "auto") return std::make_unique<NoSensor>(reasons(found, options.root));
  throw Error(ExitCode::device, "POWER-SENSOR",
              kind + ": " + reasons(found, options.root) + "; 'auto' takes what there is, 'none' measures no energy");
}

std::vector<ListedPowerSensor> list_power_sensors(const fs::path& root) {
  std::vector<ListedPowerSensor> listed;
  for (FoundSensor& each : find_all(root, PowerClock::real()))
    listed.push_back({std::move(each.facts), each.sensor != nullptr, std::move(each.why_not)});
  return listed;
}

}  // namespace dse::runtime
