#include "dse/commands/platform_calibration.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
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

// Whose devices exchange messages by a network.
std::set<HostPair> host_pairs(const Platform& platform, std::size_t link) {
  std::set<HostPair> pairs;
  const std::vector<std::size_t>& members = platform.links[link].members;
  for (const std::size_t a : members)
    for (const std::size_t b : members) {
      if (a >= b || platform.link_between(a, b) != link) continue;
      pairs.insert(host_pair(platform.devices[a].host, platform.devices[b].host));
    }
  return pairs;
}

bool only_local(const std::set<HostPair>& pairs) { return pairs == std::set<HostPair>{{"localhost", "localhost"}}; }

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

  // Everything is measured before anything is written.
  PlatformCalibration run() {
    for (const auto& [host, devices] : hosts_)
      if (!is_local(host)) remote_.check(host);
    for (const auto& [host, devices] : hosts_) measure(host, devices);
    if (reports_.empty()) std::rethrow_exception(first_failure_);
    for (std::size_t link = 0; link < platform_.links.size(); ++link) measure_link(link);
    write();
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
    try {
      HostReport report = is_local(host) ? calibrate_host(networks_, request, console_)
                                         : remote_.calibrate(host, request, bundle(), console_);
      for (const int cores : request.slices)
        if (report.slices.count(cores) == 0)
          throw Error(ExitCode::device, "CALIBRATE-REMOTE", "host '" + host.name + "' left a device out");
      reports_[host] = std::move(report);
    } catch (const Error& error) {
      if (error.exit() == ExitCode::interrupted || error.exit() == ExitCode::usage) throw;
      if (!first_failure_) first_failure_ = std::current_exception();
      result_.failures[host.name] = error.message();
    }
  }

  const std::string& bundle() {
    if (bundle_.empty()) bundle_ = write_bundle(networks_);
    return bundle_;
  }

  void measure_link(std::size_t index) {
    const Link& link = platform_.links[index];
    const std::set<HostPair> pairs = host_pairs(platform_, index);
    if (only_local(pairs)) {
      use_local_link(link);
      return;
    }
    std::vector<std::pair<HostPair, LinkProfile>> measured;
    for (const HostPair& pair : pairs_to_measure(pairs)) {
      if (result_.failures.count(pair.first) + result_.failures.count(pair.second) > 0) continue;
      try {
        measured.emplace_back(
            pair, remote_.calibrate_link(link.name, host_named(pair.first), host_named(pair.second)).profile);
      } catch (const Error& error) {
        if (error.exit() == ExitCode::interrupted) throw;
        console_.warn(fmt::format("no measurement of network '{}': {}", link.name, error.message()));
      }
    }
    if (measured.empty()) return;
    const LinkProfile profile = merge_pairs(link.name, measured);
    warn_of_kind(link, profile, console_);
    links_[link_file(link.name)] = profile;
    files_.links[link.name] = link_file(link.name);
  }

  // What is declared of a network among this machine's ranks is to be emulated, and stays; of others it is outranked by
  // what is measured.
  void use_local_link(const Link& link) {
    const auto report = reports_.find(RemoteHost{"localhost", ""});
    if (report == reports_.end() || !report->second.link) return;
    LinkProfile& profile = links_["network.yaml"] = report->second.link->profile;
    profile.name = link.name;
    if (!link.declared) files_.links[link.name] = "network.yaml";
  }

  const RemoteHost& host_named(const std::string& name) const {
    return std::find_if(hosts_.begin(), hosts_.end(), [&](const auto& one) { return one.first.name == name; })->first;
  }

  void write() {
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
    for (const auto& [name, profile] : links_) write_file(options_.folder / name, to_yaml(profile));
    write_file(options_.folder / "platform.yaml", to_yaml(platform_, files_));
  }

  const Platform& platform_;
  const std::vector<Network>& networks_;
  const PlatformCalibrationOptions& options_;
  Console& console_;
  RemoteCalibration remote_;
  std::map<RemoteHost, Devices> hosts_;
  std::map<RemoteHost, HostReport> reports_;
  std::map<std::string, LinkProfile> links_;  // by file
  std::exception_ptr first_failure_;
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
