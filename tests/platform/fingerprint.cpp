// Whether a profile was measured on this machine.
#include "platform/fingerprint.hpp"

#include "tests/platform/helpers.hpp"

using namespace dse;

namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

const HostFingerprint here{"Cortex-A72", "6.1.0", "1.30.0", 4, 4 * gib};

Device device(const std::string& name, const HostFingerprint& measured_on) {
  Device made;
  made.name = name;
  made.host = "localhost";
  auto profile = std::make_shared<DeviceProfile>();
  profile->host = measured_on;
  made.profile = profile;
  return made;
}

}  // namespace

TEST_CASE("a machine is told by its processor, cores, memory and engine, as far as they are known") {
  CHECK(host_difference(here, here).empty());
  CHECK(host_difference({}, here).empty());
  CHECK(host_difference(here, {}).empty());
  HostFingerprint other = here;
  other.kernel = "6.2.0";
  other.memory_bytes = here.memory_bytes - here.memory_bytes / 50;  // another kernel keeps more for itself
  CHECK(host_difference(other, here).empty());
  other.memory_bytes = 8 * gib;
  CHECK(host_difference(other, here) == "it had 8.0 GiB, not 4.0");
  other.cpu = "Cortex-A57";
  other.cores = 2;
  other.engine_version = "1.21.0";
  CHECK(host_difference(other, here) ==
        "its cpu is 'Cortex-A57', not 'Cortex-A72'; it had 2 usable cores, not 4; it had 8.0 GiB, not 4.0; it ran ONNX "
        "Runtime 1.21.0, not 1.30.0");
  other = here;
  other.cpu = "unknown";
  CHECK(host_difference(other, here).empty());
}

TEST_CASE("devices whose profiles differ alike are named in one line; remote and assumed ones in none") {
  HostFingerprint other = here;
  other.cpu = "Cortex-A57";
  HostFingerprint older = here;
  older.engine_version = "1.21.0";
  Platform platform;
  platform.devices = {device("same", here), device("a", other), device("old", older), device("b", other)};
  platform.devices.push_back(platform.devices[1]);
  platform.devices.back().name = "shares";
  platform.devices.push_back(device("remote", other));
  platform.devices.back().host = "10.0.0.2";
  auto generic = std::make_shared<DeviceProfile>(generic_profile(4));
  platform.devices.push_back(device("generic", other));
  platform.devices.back().profile = generic;
  const std::vector<std::string> warnings = fingerprint_warnings(platform, here);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[1] ==
        "devices 'a', 'b', 'shares': the profile was measured on another machine than this (its cpu is 'Cortex-A57', "
        "not 'Cortex-A72'); measure with 'dse calibrate' here");
  CHECK(warnings[0].starts_with("device 'old': "));
}
