// What a Platform answers once it is read.
#include "platform/platform.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.hpp"

namespace dse {

std::string_view to_string(Provenance provenance) {
  switch (provenance) {
    case Provenance::measured:
      return "measured";
    case Provenance::datasheet:
      return "datasheet";
    case Provenance::assumed:
      return "assumed";
  }
  return "assumed";
}

namespace {

double interpolated(const std::vector<ActivePower>& table, double idle_watts, double threads) {
  double t0 = 0, w0 = idle_watts;
  for (const ActivePower& row : table) {
    if (threads <= row.threads) return w0 + (row.watts - w0) * (threads - t0) / (row.threads - t0);
    t0 = row.threads;
    w0 = row.watts;
  }
  return idle_watts + (w0 - idle_watts) * threads / t0;
}

}  // namespace

double Power::active_with(int threads, int cores) const {
  if (!active_threads.empty())
    return interpolated(active_threads, idle_watts, std::clamp(threads, 0, std::max(cores, 1)));
  const double busy = cores > 0 ? std::clamp(static_cast<double>(threads) / cores, 0.0, 1.0) : 1.0;
  return idle_watts + (active_watts - idle_watts) * busy;
}

double transfer_seconds(const Link& link, std::int64_t bytes) {
  if (link.profile && !link.profile->table.empty()) return link.profile->seconds(bytes);
  return link.latency_seconds +
         (link.bandwidth_bytes_per_second > 0 ? static_cast<double>(bytes) / link.bandwidth_bytes_per_second : 0.0);
}

double transfer_seconds(const Link& link, std::size_t from, std::size_t to, std::int64_t bytes) {
  const auto own = link.pairs.find({std::min(from, to), std::max(from, to)});
  return own == link.pairs.end() ? transfer_seconds(link, bytes)
                                 : table_seconds(link.profile->pairs[own->second].table, bytes);
}

std::optional<std::size_t> Platform::device_named(std::string_view wanted) const {
  const auto found =
      std::find_if(devices.begin(), devices.end(), [&](const Device& device) { return device.name == wanted; });
  if (found == devices.end()) return std::nullopt;
  return static_cast<std::size_t>(found - devices.begin());
}

std::size_t Platform::link_between(std::size_t a, std::size_t b) const {
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto& members = links[i].members;
    const bool has_a = std::find(members.begin(), members.end(), a) != members.end();
    if (has_a && std::find(members.begin(), members.end(), b) != members.end()) return i;
  }
  throw Error(ExitCode::internal, "PLATFORM-PAIR",
              fmt::format("no network connects devices {} and {}; the reader should have refused this", a, b));
}

Platform uncorrected(const Platform& platform) {
  Platform result = platform;
  std::map<const DeviceProfile*, std::shared_ptr<const DeviceProfile>> raw;
  for (Device& device : result.devices) {
    auto& profile = raw[device.profile.get()];
    if (!profile) {
      DeviceProfile copy = *device.profile;
      copy.corrections.statistics.clear();
      profile = std::make_shared<const DeviceProfile>(std::move(copy));
    }
    device.profile = profile;
  }
  return result;
}

bool Platform::oversubscribed() const {
  int wanted = 0;
  for (const Device& device : devices)
    if (device.local()) wanted += device.cores;
  return wanted > usable_cores();
}

}  // namespace dse
