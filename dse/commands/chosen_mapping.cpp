#include "dse/commands/chosen_mapping.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/suggest.hpp"
#include "estimator/presets.hpp"

namespace dse {
namespace {

constexpr const char* of_strategies[] = {"--devices", "--split", "--halo", "--wire"};

[[noreturn]] void refuse(const std::string& message) { throw Error(ExitCode::usage, "USAGE", message); }

std::vector<std::size_t> named_devices(const Arguments& arguments, const Platform& platform) {
  std::vector<std::size_t> devices(platform.devices.size());
  std::iota(devices.begin(), devices.end(), std::size_t{0});
  if (!arguments.has("--devices")) return devices;
  devices.clear();
  std::vector<std::string> known;
  for (const Device& device : platform.devices) known.push_back(device.name);
  for (const std::string& name : arguments.comma_list("--devices")) {
    const std::optional<std::size_t> device = platform.device_named(name);
    if (!device)
      throw Error(ExitCode::usage, "DEVICE",
                  fmt::format("platform '{}' has no device '{}'{}", printable(platform.name), printable(name),
                              suggestion(name, known)));
    devices.push_back(*device);
  }
  return devices;
}

template <typename Value>
std::optional<Value> choice(const Arguments& arguments, const char* option,
                            const std::vector<std::pair<std::string, Value>>& values) {
  if (!arguments.has(option)) return std::nullopt;
  const std::string given = arguments.text(option);
  std::vector<std::string> names;
  for (const auto& [name, value] : values) {
    if (name == given) return value;
    names.push_back(name);
  }
  refuse(fmt::format("'{}' cannot be '{}'{}", option, printable(given), suggestion(given, names)));
}

PresetOptions preset_options(const Arguments& arguments) {
  PresetOptions options;
  options.split = choice<Split>(
      arguments, "--split",
      {{"channels", Split::channels}, {"inputs", Split::inputs}, {"rows", Split::rows}, {"tiles", Split::tiles}});
  options.halo = choice<Halo>(arguments, "--halo", {{"exchange", Halo::exchange}, {"recompute", Halo::recompute}});
  options.wire = choice<Wire>(arguments, "--wire", {{"full", Wire::full}, {"fp16", Wire::fp16}, {"int8", Wire::int8}})
                     .value_or(Wire::full);
  return options;
}

void write_mapping(const Arguments& arguments, const Estimator& estimator, const Mapping& mapping,
                   const Console& console) {
  const fs::path path = arguments.text("--write-mapping");
  std::error_code unreadable;
  if (fs::exists(fs::symlink_status(path, unreadable)))
    throw Error(ExitCode::usage, "OUTPUT-EXISTS", {path.string()}, "exists; name a new file");
  write_file(path, to_yaml(mapping, estimator.network(), estimator.platform()));
  console.note(fmt::format("the mapping is in {}", printable(path.string(), 4000)));
}

}  // namespace

std::vector<OptionSpec> mapping_options() {
  return {{"--mapping", "FILE", "the mapping, as someone wrote it", false, false, "", {}},
          {"--strategy",
           "NAME",
           "or the best mapping of a strategy over --devices",
           false,
           false,
           "",
           {"data", "sequential", "horizontal", "vertical"}},
          {"--devices", "A,B,...", "the devices of --strategy; otherwise all", false, false, "", {}},
          {"--split",
           "HOW",
           "horizontal: channels (default) or inputs; vertical: rows (default) or tiles",
           false,
           false,
           "",
           {"channels", "inputs", "rows", "tiles"}},
          {"--halo", "HOW", "vertical; otherwise the faster of both", false, false, "", {"exchange", "recompute"}},
          {"--wire",
           "HOW",
           "how float32 travels: exactly, or shorter with an error",
           false,
           false,
           "",
           {"full", "fp16", "int8"}},
          {"--write-mapping", "FILE", "keep the mapping in a new file, to change it by hand", false, false, "", {}}};
}

bool asks_for_mapping(const Arguments& arguments) {
  const std::vector<OptionSpec> options = mapping_options();
  return std::any_of(options.begin(), options.end(),
                     [&](const OptionSpec& option) { return arguments.has(option.name); });
}

Mapping chosen_mapping(const Arguments& arguments, const Estimator& estimator, Console& console) {
  if (arguments.has("--mapping") == arguments.has("--strategy"))
    refuse(arguments.has("--mapping")
               ? "--mapping and --strategy each name a mapping; leave one of them out"
               : "which mapping? Give --mapping FILE, or --strategy NAME with --devices A,B,...");
  for (const char* option : of_strategies)
    if (arguments.has(option) && !arguments.has("--strategy"))
      refuse(fmt::format("{} belongs to --strategy; a mapping says for itself how it is split", option));
  const Platform& platform = estimator.platform();
  Mapping mapping = arguments.has("--mapping")
                        ? read_mapping(arguments.text("--mapping"), estimator.network(), platform)
                        : preset(estimator, strategy_from_string(arguments.text("--strategy")),
                                 named_devices(arguments, platform), preset_options(arguments));
  if (arguments.has("--write-mapping")) write_mapping(arguments, estimator, mapping, console);
  return mapping;
}

}  // namespace dse
