// dse platform discover: a platform file for this machine, to start from.
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "dse/commands/commands.hpp"
#include "platform/platform.hpp"

namespace dse {
namespace {

int run_discover(const Arguments& arguments, Console& console) {
  const std::int64_t most = 1024;
  const auto devices =
      static_cast<std::size_t>(arguments.has("--devices") ? arguments.integer("--devices", 1, most) : most);
  const std::string text = discover_platform(devices);
  const std::size_t found = parse_platform(text, "discovered").devices.size();
  if (arguments.has("--devices") && found < devices)
    console.note(fmt::format("this machine has {} usable cores, so the file lists {} devices", found, found));
  if (!arguments.has("--output")) {
    console.out << text;
    return 0;
  }
  const fs::path path = arguments.text("--output");
  if (fs::exists(path) && !arguments.has("--force"))
    throw Error(ExitCode::usage, "FILE-EXISTS", Place{path.string(), 0, 0},
                "the file exists already; name another one, or give --force");
  if (arguments.has("--dry-run")) {
    console.note(fmt::format("would write {} devices to {}", found, printable(path.string())));
    return 0;
  }
  write_file(path, text);
  console.note(fmt::format("wrote {} devices to {}", found, printable(path.string())));
  return 0;
}

}  // namespace

Command platform_discover_command() {
  return {{"platform", "discover"},
          "write a platform file for this machine: one local device a core",
          {},
          {{"--devices", "N", "at most so many devices (default: one a core)", false, false, "", {}},
           {"-o,--output", "FILE", "where to write (default: standard output)", false, false, "", {}},
           {"--force", "", "overwrite an existing file", false, false, "", {}},
           {"--dry-run", "", "say what would be written, and write nothing", false, false, "", {}}},
          run_discover};
}

}  // namespace dse
