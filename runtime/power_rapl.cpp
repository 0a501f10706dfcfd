// Intel's and AMD's energy counters (kernel: Documentation/power/powercap/powercap.rst):
//
//   <root>/sys/class/powercap/intel-rapl:N/{name,energy_uj,max_energy_range_uj}     package-N, psys
//   <root>/sys/class/powercap/intel-rapl:N:M/{name,energy_uj,max_energy_range_uj}   core, uncore, dram of package N
//
// Counted are the packages and their dram. core and uncore are parts of their package. psys is left out: it contains
// packages and dram, so that it could only stand for them, but what it measures and in which unit is up to the maker of
// the board, and there are boards on which it stands still. intel-rapl-mmio:N are the same counters again.
#include <algorithm>
#include <limits>

#include "runtime/power_kinds.hpp"

namespace dse::runtime {
namespace {

// Its second colon makes a zone a part of another.
bool part(const fs::path& zone) {
  const std::string name = zone.filename().string();
  return std::count(name.begin(), name.end(), ':') > 1;
}

bool counted(const fs::path& zone, const std::string& name) {
  return part(zone) ? name == "dram" : name.starts_with("package");
}

// dram is one of each package: "intel-rapl:0:1 dram".
std::string channel(const fs::path& zone, const std::string& name) {
  return part(zone) ? zone.filename().string() + " " + name : name;
}

EnergyCounter counter(const fs::path& zone) {
  constexpr std::int64_t shortest_uj = 100'000'000;  // real ones hold 65 kJ and more
  const Range range{shortest_uj, std::numeric_limits<std::int64_t>::max()};
  const std::int64_t range_uj = SysfsAttribute(zone / "max_energy_range_uj").number(range, "microjoules");
  return {SysfsAttribute(zone / "energy_uj"), range_uj};
}

struct Zones {
  std::vector<fs::path> counted;
  bool psys = false;
};

Zones choose(const std::vector<fs::path>& found, PowerSensorFacts& facts) {
  Zones zones;
  for (const fs::path& zone : found) {
    const std::string name = read_label(zone / "name", "");
    if (!part(zone) && name == "psys") zones.psys = true;
    if (!counted(zone, name)) continue;
    zones.counted.push_back(zone);
    facts.channels.push_back(channel(zone, name));
  }
  return zones;
}

std::unique_ptr<PowerSensor> make(const std::vector<fs::path>& found, PowerSensorFacts& facts,
                                  const PowerClock& clock) {
  const Zones zones = choose(found, facts);
  if (zones.psys) facts.source += "; psys is there, and left out";
  if (zones.counted.empty())
    throw Error(ExitCode::device, "POWER-SENSOR", {found.front().string()},
                "no zone is named 'package-...'; that is what is counted");
  std::vector<EnergyCounter> counters;
  for (const fs::path& zone : zones.counted) counters.push_back(counter(zone));
  facts.period_s = counter_period(counters);
  return std::make_unique<SampledSensor>(facts, std::make_unique<CounterMeter>(std::move(counters)), clock);
}

}  // namespace

std::vector<FoundSensor> find_rapl_sensors(const fs::path& root, const PowerClock& clock) {
  const fs::path folder = root / "sys/class/powercap";
  const std::vector<fs::path> zones = entries(folder, "intel-rapl:");
  std::vector<FoundSensor> found;
  if (zones.empty()) return found;
  const PowerSensorFacts facts{
      "rapl", (folder / "intel-rapl:*").string() + ": processor packages and their memory", {}, 0, true};
  found.push_back(
      found_sensor(facts, Scope::processor, [&](PowerSensorFacts& learnt) { return make(zones, learnt, clock); }));
  return found;
}

}  // namespace dse::runtime
