#include "dse/commands/power_options.hpp"

namespace dse {

OptionSpec power_sensor_option() {
  return {"--power-sensor",
          "KIND",
          "what measures energy: auto, hwmon, rapl, csv:FILE (a meter's 'timestamp_s,watts' lines) or none",
          false,
          false,
          "auto",
          {}};
}

OptionSpec power_root_option() {
  return {"--power-root", "DIR", "the tree whose sys/ holds the sensors", false, false, "/", {}};
}

runtime::PowerSensorOptions power_asked(const Arguments& arguments) {
  constexpr std::string_view csv = "csv:";
  runtime::PowerSensorOptions options;
  options.kind =
      runtime::checked_power_kind(arguments.has("--power-sensor") ? arguments.text("--power-sensor") : "auto");
  if (options.kind.starts_with(csv))
    options.kind = std::string(csv) + fs::absolute(options.kind.substr(csv.size())).string();
  if (arguments.has("--power-root")) options.root = fs::absolute(arguments.text("--power-root"));
  return options;
}

}  // namespace dse
