// A platform file for this machine.
#include <fmt/format.h>

#include <algorithm>

#include "platform/platform.hpp"

namespace dse {

std::string discover_platform(std::size_t devices) {
  const HostFingerprint host = this_host("");
  const std::size_t count = std::clamp<std::size_t>(devices, 1, static_cast<std::size_t>(std::max(host.cores, 1)));
  const std::uint64_t mebibytes =
      std::max<std::uint64_t>((host.memory_bytes >> 20) * 9 / 10 / count, 1);  // a tenth stays with the system
  std::string out = fmt::format(
      "# yaml-language-server: $schema=platform.schema.json\n"
      "# The schema is what `dse platform schema > platform.schema.json` writes; editors complete and check by it.\n"
      "# This machine, one local device a core. Measure it: dse calibrate -o profile.yaml, then add `profile: "
      "profile.yaml` to each device.\n"
      "dse: platform/1\nname: this-machine\ninput: local0\noutput: local0\ndevices:\n");
  for (std::size_t i = 0; i < count; ++i)
    out += fmt::format("  - {{name: local{}, host: localhost, cores: 1, memory: {} MiB}}\n", i, mebibytes);
  return out;
}

}  // namespace dse
