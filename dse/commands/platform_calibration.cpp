#include "dse/commands/platform_calibration.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "dse/commands/remote_calibration.hpp"
#include "models/bundle.hpp"

namespace dse {
namespace {

RemoteHost host_of(const Device& device) { return {device.host, device.user}; }
bool is_local(const RemoteHost& host) { return host.name == "localhost"; }

std::string link_file(const std::string& link) { return "network-" + link + ".yaml"; }

void check_names(const Platform& platform) {
  std::set<std::string> taken{"platform", "network"};
  for (const Link& link : platform.links) taken.insert(fs::path(link_file(link.name)).stem());
  for (const Device& device : platform.devices)
    if (taken.count(device.name) > 0)
      throw Error(
          ExitCode::usage, "CALIBRATE-NAME",
          fmt::format("a device named '{0}' would have its profile in {0}.yaml, which is written too", device.name));
}

void prepare(const fs::path& folder) {
  check_writable(folder.parent_path());
  std::error_code failed;
  fs::create_directory(folder, failed);
  check_writable(folder);
}

// Pairs of hosts whose devices exchange messages by a network; a host with itself where two devices are on it.
using HostPair = std::pair<RemoteHost, RemoteHost>;

HostPair pair_of(const RemoteHost& a, const RemoteHost& b) { return a < b ? HostPair{a, b} : HostPair{b, a}; }

std::set<HostPair> host_pairs(const Platform& platform, std::size_t link) {
  std::set<HostPair> pairs;
  const std::vector<std::size_t>& members = platform.links[link].members;
  for (const std::size_t a : members)
    for (const std::size_t b : members) {
      if (a >= b || platform.link_between(a, b) != link) continue;
      pairs.insert(pair_of(host_of(platform.devices[a]), host_of(platform.devices[b])));
    }
  return pairs;
}

bool only_local(const std::set<HostPair>& pairs) {
  return std::all_of(pairs.begin(), pairs.end(),
                     [](const HostPair& pair) { return is_local(pair.first) && is_local(pair.second); });
}

// All pairs of few hosts. Of many each host with the next, and with itself: that has every network interface twice.
std::vector<HostPair> to_measure(const std::set<HostPair>& pairs) {
  constexpr std::size_t most = 15;
  if (pairs.size() <= most) return {pairs.begin(), pairs.end()};
  std::set<RemoteHost> hosts;
  for (const auto& [first, second] : pairs) hosts.insert({first, second});
  std::vector<HostPair> chosen;
  for (auto host = hosts.begin(); host != hosts.end(); ++host) {
    const auto next = std::next(host) == hosts.end() ? hosts.begin() : std::next(host);
    for (const HostPair& pair : {pair_of(*host, *host), pair_of(*host, *next)})
      if (pairs.count(pair) > 0) chosen.push_back(pair);
  }
  return chosen;
}

// The slowest of the tables at every size that all of them have: for pairs without one of their own.
std::vector<LinkPoint> slowest(const std::vector<LinkPair>& pairs) {
  std::vector<LinkPoint> table = pairs.front().table;
  for (const LinkPair& pair : pairs) {
    if (pair.table.size() < table.size()) table.resize(pair.table.size());
    for (std::size_t i = 0; i < table.size(); ++i) table[i].seconds = std::max(table[i].seconds, pair.table[i].seconds);
  }
  return table;
}

// One profile of a network from those of its pairs.
LinkProfile merged(const std::string& name, const std::vector<std::pair<HostPair, LinkProfile>>& measured) {
  LinkProfile result = measured.front().second;
  result.name = name;
  for (const auto& [hosts, profile] : measured) {
    result.cpu_seconds_per_message = std::max(result.cpu_seconds_per_message, profile.cpu_seconds_per_message);
    result.cpu_seconds_per_byte = std::max(result.cpu_seconds_per_byte, profile.cpu_seconds_per_byte);
    result.wake_share = std::max(result.wake_share, profile.wake_share);
    result.wake_longest_seconds = std::max(result.wake_longest_seconds, profile.wake_longest_seconds);
    // Ranks of one host do not use the network.
    if (hosts.first != hosts.second) result.both_ways = std::max(result.both_ways, profile.both_ways);
    result.pairs.push_back({hosts.first.name, hosts.second.name, profile.table});
  }
  std::vector<LinkPair> between;
  for (const LinkPair& pair : result.pairs)
    if (pair.first != pair.second) between.push_back(pair);
  result.table = slowest(between.empty() ? result.pairs : between);
  if (result.pairs.size() == 1)
    result.pairs.clear();
  else
    result.between = fmt::format("{} pairs of hosts", result.pairs.size());
  return result;
}

void warn_of_kind(const Link& link, const LinkProfile& profile, const Console& console) {
  constexpr double half_duplex = 1.6, full_duplex = 1.25;
  if (link.kind == NetworkKind::switched && profile.both_ways > half_duplex)
    console.warn(
        fmt::format("network '{}' is said to be switched, but messages both ways at once take {:.1f} times as "
                    "long as one: 'kind: shared' describes it better",
                    link.name, profile.both_ways));
  if (link.kind == NetworkKind::shared && profile.both_ways < full_duplex)
    console.note(
        fmt::format("network '{}' is said to be shared, but messages both ways at once take only {:.2f} times "
                    "as long as one",
                    link.name, profile.both_ways));
}

class PlatformRun {
 public:
  PlatformRun(const Platform& platform, const std::vector<Network>& networks, const PlatformCalibrationOptions& options,
              Console& console)
      : platform_(platform), networks_(networks), options_(options), console_(console), remote_(options.program) {
    for (const Device& device : platform.devices) hosts_[host_of(device)].push_back(&device);
  }

  PlatformCalibration run() {
    for (const auto& [host, devices] : hosts_)
      if (!is_local(host)) remote_.check(host);
    for (const auto& [host, devices] : hosts_) measure(host, devices);
    if (reports_.empty()) throw Error(ExitCode::device, "CALIBRATE-REMOTE", result_.failures.begin()->second);
    write_devices();
    for (std::size_t link = 0; link < platform_.links.size(); ++link) write_link(link);
    write_file(options_.folder / "platform.yaml", to_yaml(platform_, files_));
    return std::move(result_);
  }

 private:
  using Devices = std::vector<const Device*>;

  HostRequest request_for(const Devices& devices) const {
    HostRequest request;
    std::set<int> slices;
    for (const Device* device : devices) slices.insert(device->cores);
    request.slices.assign(slices.begin(), slices.end());
    request.threads = options_.threads;
    for (std::size_t d = 0; d < std::min<std::size_t>(2, devices.size()); ++d)
      request.first_two.push_back(devices[d]->cores);
    request.neighbours = devices.size() > 1;
    request.budget_seconds = options_.budget_seconds;
    request.power = options_.power;
    return request;
  }

  void measure(const RemoteHost& host, const Devices& devices) {
    const HostRequest request = request_for(devices);
    if (is_local(host)) {
      reports_[host] = calibrate_host(networks_, request, console_);
      return;
    }
    try {
      if (bundle_.empty()) bundle_ = write_bundle(networks_);
      HostReport report = remote_.calibrate(host, request, bundle_, console_);
      for (const int cores : request.slices)
        if (report.slices.count(cores) == 0)
          throw Error(ExitCode::device, "CALIBRATE-REMOTE", "host '" + host.name + "' left a device out");
      reports_[host] = std::move(report);
    } catch (const Error& error) {
      if (error.exit() == ExitCode::interrupted) throw;
      result_.failures[host.name] = error.message();
    }
  }

  void write_devices() {
    for (const Device& device : platform_.devices) {
      const auto report = reports_.find(host_of(device));
      if (report == reports_.end()) continue;
      DeviceFile& file = result_.devices[device.name];
      file.path = options_.folder / (device.name + ".yaml");
      file.result = report->second.slices.at(device.cores);
      file.result.profile.name = device.name;
      write_file(file.path, to_yaml(file.result.profile));
      files_.devices[device.name] = file.path.filename();
    }
  }

  // What is declared of a network among this machine's ranks is to be emulated, and stays; of others it is outranked by
  // what is measured.
  void write_link(std::size_t index) {
    const Link& link = platform_.links[index];
    const std::set<HostPair> pairs = host_pairs(platform_, index);
    if (pairs.empty()) return;
    if (only_local(pairs)) {
      const auto report = reports_.find(RemoteHost{"localhost", ""});
      if (report == reports_.end() || !report->second.link) return;
      LinkProfile profile = report->second.link->profile;
      profile.name = link.name;
      write_file(options_.folder / "network.yaml", to_yaml(profile));
      if (!link.declared) files_.links[link.name] = "network.yaml";
      return;
    }
    measure_link(link, pairs);
  }

  void measure_link(const Link& link, const std::set<HostPair>& pairs) {
    std::vector<std::pair<HostPair, LinkProfile>> measured;
    for (const HostPair& pair : to_measure(pairs)) {
      if (result_.failures.count(pair.first.name) + result_.failures.count(pair.second.name) > 0) continue;
      try {
        measured.emplace_back(pair, remote_.calibrate_link(link.name, pair.first, pair.second).profile);
      } catch (const Error& error) {
        if (error.exit() == ExitCode::interrupted) throw;
        console_.warn(fmt::format("no measurement of network '{}': {}", link.name, error.message()));
      }
    }
    if (measured.empty()) return;
    const LinkProfile profile = merged(link.name, measured);
    warn_of_kind(link, profile, console_);
    write_file(options_.folder / link_file(link.name), to_yaml(profile));
    files_.links[link.name] = link_file(link.name);
  }

  const Platform& platform_;
  const std::vector<Network>& networks_;
  const PlatformCalibrationOptions& options_;
  Console& console_;
  RemoteCalibration remote_;
  std::map<RemoteHost, Devices> hosts_;
  std::map<RemoteHost, HostReport> reports_;
  std::string bundle_;
  ProfileFiles files_;
  PlatformCalibration result_;
};

}  // namespace

void check_writable(const fs::path& folder) {
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
    throw Error(ExitCode::io, "FILE-WRITE", {folder.string()},
                "cannot write here; -o must lie in a folder that exists and can be written");
  }
}

PlatformCalibration calibrate_platform(const Platform& platform, const std::vector<Network>& networks,
                                       const PlatformCalibrationOptions& options, Console& console) {
  check_names(platform);
  prepare(options.folder);
  return PlatformRun(platform, networks, options, console).run();
}

}  // namespace dse
