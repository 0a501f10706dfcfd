// dse platform check: reads a platform file as every other command does, and shows what it means.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "dse/commands/commands.hpp"
#include "dse/commands/platform_warnings.hpp"
#include "dse/report/table.hpp"
#include "platform/platform.hpp"

namespace dse {
namespace {

using report::Cell;
using report::Quantity;
using report::Table;

Table device_table(const Platform& platform) {
  Table table{{{"device", "device"},
               {"host", "host"},
               {"user", "user"},
               {"cores", "cores"},
               {"memory_bytes", "memory", Quantity::bytes},
               {"engine", "engine"},
               {"profile", ""},
               {"profile_shown", "profile", Quantity::plain, false},
               {"profile_assumed", "", Quantity::plain},
               {"idle_w", "idle W"},
               {"active_w", "active W"},
               {"power_source", "power is"}},
              {}};
  for (const Device& device : platform.devices)
    table.rows.push_back(
        {device.name, device.host, device.user, device.cores, device.memory_bytes, device.engine, device.profile->name,
         device.profile->assumed ? device.profile->name + " (assumed)" : device.profile->name, device.profile->assumed,
         device.power.idle_watts, device.power.active_watts, to_string(device.power.source)});
  return table;
}

std::string member_names(const Platform& platform, const Link& link) {
  std::vector<std::string> names;
  for (const std::size_t member : link.members) names.push_back(platform.devices[member].name);
  return fmt::format("{}", fmt::join(names, " "));
}

Table network_table(const Platform& platform) {
  Table table{{{"network", "network"},
               {"kind", "kind"},
               {"members", "members"},
               {"bandwidth_bytes_per_s", "bytes/s"},
               {"latency_s", "latency", Quantity::seconds},
               {"mebibyte_s", "1 MiB takes", Quantity::seconds},
               {"both_ways", "both ways, times"},
               {"figures", "figures are"}},
              {}};
  for (const Link& link : platform.links)
    table.rows.push_back({link.name, link.kind == NetworkKind::shared ? "shared" : "switched",
                          member_names(platform, link), link.bandwidth_bytes_per_second, link.latency_seconds,
                          transfer_seconds(link, 1 << 20), link.profile ? Cell(link.profile->both_ways) : Cell(),
                          link.profile    ? "from a profile"
                          : link.declared ? "declared"
                                          : "assumed (local transport)"});
  return table;
}

std::string input_name(const Platform& platform) {
  return platform.input_everywhere ? "everywhere" : platform.devices[platform.input].name;
}

int run_check(const Arguments& arguments, Console& console) {
  const Platform platform = read_platform(arguments.text("PLATFORM"));
  const std::string& output = platform.devices[platform.output].name;
  const std::vector<std::string> warnings = platform_warnings(platform);
  for (const std::string& warning : warnings) console.warn(warning);
  if (console.format == Format::json) {
    console.out << report::json_text({{"name", platform.name},
                                      {"sha256", platform.sha256},
                                      {"input", input_name(platform)},
                                      {"output", output},
                                      {"oversubscribed", platform.oversubscribed()},
                                      {"devices", report::to_json(device_table(platform))},
                                      {"networks", report::to_json(network_table(platform))},
                                      {"warnings", warnings}});
    return 0;
  }
  report::print(console, device_table(platform));
  if (console.format == Format::csv) return 0;
  if (!platform.links.empty()) {
    console.out << '\n';
    report::print(console, network_table(platform));
  }
  console.note(fmt::format("platform '{}': frames enter at {} and results leave at {}", platform.name,
                           input_name(platform), output));
  return 0;
}

}  // namespace

Command platform_check_command() {
  return {{"platform", "check"},
          "check a platform file and show its devices and networks (csv: the devices)",
          {{"PLATFORM", "the platform file"}},
          {},
          run_check};
}

}  // namespace dse
