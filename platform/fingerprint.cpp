#include "platform/fingerprint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.hpp"

namespace dse {
namespace {

// Two kernels of one machine keep different amounts for themselves.
constexpr double same_memory = 0.1;

bool known(const std::string& text) { return !text.empty() && text != "unknown"; }

bool differ(const std::string& a, const std::string& b) { return known(a) && known(b) && a != b; }

bool differ(std::uint64_t a, std::uint64_t b) {
  if (a == 0 || b == 0) return false;
  const auto x = static_cast<double>(a), y = static_cast<double>(b);
  return std::abs(x - y) > same_memory * std::max(x, y);
}

double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

}  // namespace

std::string host_difference(const HostFingerprint& measured, const HostFingerprint& here) {
  std::vector<std::string> found;
  if (differ(measured.cpu, here.cpu))
    found.push_back(fmt::format("its cpu is '{}', not '{}'", printable(measured.cpu, 60), printable(here.cpu, 60)));
  if (measured.cores > 0 && here.cores > 0 && measured.cores != here.cores)
    found.push_back(fmt::format("it had {} usable cores, not {}", measured.cores, here.cores));
  if (differ(measured.memory_bytes, here.memory_bytes))
    found.push_back(fmt::format("it had {:.1f} GiB, not {:.1f}", gib(measured.memory_bytes), gib(here.memory_bytes)));
  if (differ(measured.engine_version, here.engine_version))
    found.push_back(fmt::format("it ran ONNX Runtime {}, not {}", printable(measured.engine_version, 40),
                                printable(here.engine_version, 40)));
  return fmt::format("{}", fmt::join(found, "; "));
}

std::string foreign_host(const Device& device, const HostFingerprint& here) {
  if (!device.local() || device.profile->assumed) return "";
  return host_difference(device.profile->host, here);
}

std::vector<std::string> fingerprint_warnings(const Platform& platform, const HostFingerprint& here) {
  std::map<std::string, std::vector<std::string>> devices;  // by what differs
  for (const Device& device : platform.devices)
    if (const std::string difference = foreign_host(device, here); !difference.empty())
      devices[difference].push_back("'" + device.name + "'");
  std::vector<std::string> warnings;
  for (const auto& [difference, names] : devices)
    warnings.push_back(fmt::format(
        "{} {}: the profile was measured on another machine than this ({}); measure with 'dse calibrate' here",
        names.size() == 1 ? "device" : "devices", fmt::join(names, ", "), difference));
  return warnings;
}

}  // namespace dse
