#include "dse/commands/platform_warnings.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "engine/engine.hpp"
#include "platform/fingerprint.hpp"

namespace dse {
namespace {

// A machine without the engine can still estimate: then its version is not compared.
std::string engine_version() try { return engine::Engine::library_version(); } catch (const Error&) {
  return "";
}

}  // namespace

HostFingerprint host_of(const Platform& platform) {
  const bool compared = std::any_of(platform.devices.begin(), platform.devices.end(), [](const Device& device) {
    return device.local() && !device.profile->assumed && !device.profile->host.engine_version.empty();
  });
  return this_host(compared ? engine_version() : "");
}

std::vector<std::string> platform_warnings(const Platform& platform) {
  std::vector<std::string> warnings = platform.warnings;
  const std::vector<std::string> foreign = fingerprint_warnings(platform, host_of(platform));
  warnings.insert(warnings.end(), foreign.begin(), foreign.end());
  return warnings;
}

void warn_of_platform(const Platform& platform, const Console& console) {
  for (const std::string& warning : platform_warnings(platform)) console.warn(warning);
}

}  // namespace dse
