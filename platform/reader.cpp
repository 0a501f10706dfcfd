// platform/1 files: read, checked once, typed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/suggest.hpp"
#include "platform/names.hpp"
#include "platform/platform.hpp"
#include "platform/yaml_door.hpp"

namespace dse {
namespace {

using yaml::Value;

constexpr std::uint64_t file_cap = 16u << 20;
constexpr std::size_t max_devices = 1024;
constexpr std::size_t max_networks = 256;

// Messages between two ranks of one machine: shared memory, and a receiver that sleeps between looks.
constexpr double local_bytes_per_second = 2.5e9;
constexpr double local_latency_seconds = 30e-6;
// A LAN whose latency was not given.
constexpr double assumed_latency_switched = 200e-6, assumed_latency_shared = 3e-3;

const std::vector<std::string> engines{"cpu", "cuda", "tensorrt", "xnnpack"};

double positive(double number, const Value& value, std::string_view what) {
  if (!(number > 0)) value.fail("PLATFORM-ZERO", fmt::format("{} must be above 0", what));
  return number;
}

// Board-class figures; assumed, and labelled so wherever energy is shown.
Power assumed_power(const Device& device) {
  Power power;
  power.idle_watts = 1.5 + 0.25 * device.cores;
  power.active_watts = power.idle_watts + 0.9 * device.cores;
  power.waiting_watts = power.idle_watts;
  power.joules_per_byte = device.local() ? 0 : 5e-9;
  power.source = Provenance::assumed;
  return power;
}

Power read_power(const Value& map) {
  map.allow_keys({"idle", "active", "waiting", "per_byte", "per_message", "source"});
  Power power;
  power.idle_watts = map.at("idle").watts();
  power.active_watts = map.at("active").watts();
  if (power.active_watts < power.idle_watts)
    map.at("active").fail("PLATFORM-POWER", fmt::format("active power ({} W) is below idle power ({} W)",
                                                        power.active_watts, power.idle_watts));
  power.waiting_watts = map.has("waiting") ? map.at("waiting").watts() : power.idle_watts;
  if (const auto joules = map.find("per_byte")) power.joules_per_byte = joules->joules();
  if (const auto joules = map.find("per_message")) power.joules_per_message = joules->joules();
  if (const auto source = map.find("source"))
    power.source = static_cast<Provenance>(source->choice({"measured", "datasheet", "assumed"}));
  power.declared = true;
  return power;
}

// What a sensor saw of the host, for one of the devices on it: they share what it takes idle, and each adds what it
// does, so that their sum is the host's. The figures hold the network interface; nothing is added a byte.
Power measured_power(const PowerProfile& profile, int cores, std::size_t devices) {
  const double idle_watts = profile.idle_watts / static_cast<double>(devices);
  const double of_others = profile.idle_watts - idle_watts;
  const auto share = [&](double watts) { return watts - of_others; };
  Power power;
  power.idle_watts = idle_watts;
  power.waiting_watts = share(profile.waiting_watts.value_or(profile.idle_watts));
  for (const ActivePower& row : profile.active) power.active_threads.push_back({row.threads, share(row.watts)});
  power.active_watts = power.active_with(cores, cores);
  power.source = Provenance::measured;
  return power;
}

class Reader {
 public:
  Reader(const std::string& text, const std::string& path) : path_(path), folder_(fs::path(path).parent_path()) {
    platform_.text = text;
    hash_.add(text);
  }

  Platform read() {
    const Value root = yaml::parse_format(platform_.text, path_, "platform", 1);
    root.allow_keys({"dse", "name", "input", "output", "devices", "networks"});
    platform_.name = root.has("name") ? checked_name(root.at("name")) : fs::path(path_).stem().string();
    read_devices(root.at("devices"));
    if (const auto networks = root.find("networks")) read_networks(*networks);
    connect_local_devices();
    check_pairs(root);
    read_ends(root);
    warn_oversubscribed();
    platform_.sha256 = hash_.hex();
    return std::move(platform_);
  }

 private:
  static std::string checked_name(const Value& value) {
    std::string name = value.text();
    if (const std::string fault = name_fault(name); !fault.empty())
      value.fail("PLATFORM-NAME", fmt::format("'{}': {}", printable(name, 80), fault));
    return name;
  }

  void warn(const std::string& text) { platform_.warnings.push_back(text); }

  // The text of a profile named in the file, relative to the file; part of the platform's hash.
  std::string profile_text(const Value& value, fs::path& file) {
    file = folder_ / value.text();
    try {
      std::string text = read_text(file, file_cap);
      hash_.add(fmt::format("\n{} {}\n", value.text(), text.size()));
      hash_.add(text);
      return text;
    } catch (const Error& error) {
      value.fail("PLATFORM-PROFILE",
                 fmt::format("profile '{}' cannot be read: {}", printable(value.text(), 120), error.message()));
    }
  }

  std::shared_ptr<const DeviceProfile> device_profile(const Value& value) {
    auto& cached = device_profiles_[value.text()];
    if (!cached) {
      fs::path file;
      const std::string text = profile_text(value, file);
      const auto corrections = corrections_text(file);
      if (corrections) hash_.add(fmt::format("\ncorrections {}\n{}", corrections->size(), *corrections));
      cached = std::make_shared<DeviceProfile>(device_profile_of(file, text, corrections));
      if (cached->corrections_outdated)
        warn(fmt::format("'{}' was learnt from an earlier calibration than '{}' and is not used; validate again",
                         printable(corrections_file(file).filename().string(), 120), printable(value.text(), 120)));
    }
    return cached;
  }

  std::shared_ptr<const DeviceProfile> assumed_profile(int cores) {
    auto& cached = generic_profiles_[cores];
    if (!cached) cached = std::make_shared<DeviceProfile>(generic_profile(cores));
    return cached;
  }

  void read_devices(const Value& list) {
    const auto items = list.items();
    if (items.empty()) list.fail("PLATFORM-DEVICES", "no devices; list at least one");
    if (items.size() > max_devices)
      items[max_devices].fail("PLATFORM-DEVICES", fmt::format("more than {} devices", max_devices));
    for (const Value& item : items) platform_.devices.push_back(read_device(item));
    const auto locals = std::count_if(platform_.devices.begin(), platform_.devices.end(),
                                      [](const Device& device) { return device.local(); });
    for (Device& device : platform_.devices)
      if (!device.power.declared) device.power = undeclared_power(device, device.local() ? std::size_t(locals) : 1);
  }

  static Power undeclared_power(const Device& device, std::size_t on_its_host) {
    if (!device.profile->power) return assumed_power(device);
    return measured_power(*device.profile->power, device.cores, on_its_host);
  }

  Device read_device(const Value& map) {
    if (map.has("port"))
      throw Error(ExitCode::bad_input, "YAML-KEY", map.key_place("port"),
                  "key 'port' is not known here; put the port into ~/.ssh/config");
    map.allow_keys({"name", "host", "user", "cores", "memory", "engine", "profile", "power"});
    Device device;
    device.name = unique_device_name(map.at("name"));
    device.host = unique_host(map.at("host"));
    if (const auto user = map.find("user")) {
      device.user = user->text();
      if (const std::string fault = user_fault(device.user); !fault.empty())
        user->fail("PLATFORM-USER", fmt::format("'{}': {}", printable(device.user, 80), fault));
    }
    device.cores = static_cast<int>(map.at("cores").integer(1, 4096));
    const Value memory = map.at("memory");
    device.memory_bytes = memory.bytes();
    positive(static_cast<double>(device.memory_bytes), memory, "memory");
    if (const auto engine = map.find("engine")) device.engine = engines[engine->choice(engines)];
    if (device.engine != "cpu")
      warn(fmt::format("device '{}': engine {} is passed on to ONNX Runtime, but only cpu is tested", device.name,
                       device.engine));
    if (map.has("power")) device.power = read_power(map.at("power"));
    read_device_profile_of(map, device);
    return device;
  }

  std::string unique_device_name(const Value& value) {
    std::string name = checked_name(value);
    if (name == "everywhere")
      value.fail("PLATFORM-NAME", "'everywhere' is a word of 'input'; name the device otherwise");
    if (!device_names_.insert(name).second)
      value.fail("PLATFORM-NAME", fmt::format("two devices are named '{}'; names are unique", name));
    return name;
  }

  std::string unique_host(const Value& value) {
    std::string host = value.text();
    if (const std::string fault = host_fault(host); !fault.empty())
      value.fail("PLATFORM-HOST", fmt::format("'{}': {}", printable(host, 80), fault));
    if (host != "localhost" && !hosts_.insert(host).second)
      value.fail("PLATFORM-HOST", fmt::format("two devices are on host '{}'; only localhost may carry several", host));
    return host;
  }

  void read_device_profile_of(const Value& map, Device& device) {
    const auto value = map.find("profile");
    if (!value) {
      device.profile = assumed_profile(device.cores);
      warn(fmt::format("device '{}' has no profile: generic rates are assumed; measure it with 'dse calibrate'",
                       device.name));
      return;
    }
    device.profile = device_profile(*value);
    const HostFingerprint& host = device.profile->host;
    if (host.cores > 0 && host.cores < device.cores)
      warn(fmt::format("device '{}' has {} cores, but its profile was measured with {}", device.name, device.cores,
                       host.cores));
  }

  void read_networks(const Value& list) {
    const auto items = list.items();
    if (items.size() > max_networks)
      items[max_networks].fail("PLATFORM-NETWORK", fmt::format("more than {} networks", max_networks));
    for (const Value& item : items) platform_.links.push_back(read_network(item));
  }

  std::vector<std::size_t> read_members(const Value& list) {
    std::vector<std::size_t> members;
    for (const Value& item : list.items()) {
      const std::size_t device = device_index(item);
      if (std::find(members.begin(), members.end(), device) != members.end())
        item.fail("PLATFORM-NETWORK", fmt::format("'{}' is a member twice", item.text()));
      members.push_back(device);
    }
    if (members.size() < 2) list.fail("PLATFORM-NETWORK", "a network connects at least two devices");
    return members;
  }

  std::size_t device_index(const Value& value) const {
    const std::string name = value.text();
    if (const auto index = platform_.device_named(name)) return *index;
    std::vector<std::string> names;
    for (const Device& device : platform_.devices) names.push_back(device.name);
    value.fail("PLATFORM-DEVICE",
               fmt::format("no device is named '{}'{}", printable(name, 60), suggestion(name, names)));
  }

  Link read_network(const Value& map) {
    map.allow_keys({"name", "kind", "members", "bandwidth", "latency", "profile"});
    Link link;
    link.name = checked_name(map.at("name"));
    if (!network_names_.insert(link.name).second)
      map.at("name").fail("PLATFORM-NAME", fmt::format("two networks are named '{}'; names are unique", link.name));
    if (const auto kind = map.find("kind")) link.kind = static_cast<NetworkKind>(kind->choice({"switched", "shared"}));
    link.members = read_members(map.at("members"));
    if (const auto profile = map.find("profile")) link.profile = link_profile(*profile);
    if (link.profile) find_pairs(link);
    link.declared = map.has("bandwidth") || map.has("latency");
    read_figures(map, link);
    return link;
  }

  std::shared_ptr<const LinkProfile> link_profile(const Value& value) {
    fs::path file;
    const std::string text = profile_text(value, file);
    return std::make_shared<LinkProfile>(parse_link_profile(text, file.string()));
  }

  void find_pairs(Link& link) const {
    std::map<std::pair<std::string, std::string>, std::size_t> by_hosts;
    for (std::size_t i = 0; i < link.profile->pairs.size(); ++i) {
      const LinkPair& pair = link.profile->pairs[i];
      by_hosts[{pair.first, pair.second}] = by_hosts[{pair.second, pair.first}] = i;
    }
    for (const std::size_t a : link.members)
      for (const std::size_t b : link.members) {
        if (a >= b) continue;
        const auto found = by_hosts.find({platform_.devices[a].host, platform_.devices[b].host});
        if (found != by_hosts.end()) link.pairs[{a, b}] = found->second;
      }
  }

  void read_figures(const Value& map, Link& link) {
    const bool local = std::all_of(link.members.begin(), link.members.end(),
                                   [&](std::size_t i) { return platform_.devices[i].local(); });
    if (const auto bandwidth = map.find("bandwidth")) {
      link.bandwidth_bytes_per_second = positive(bandwidth->bytes_per_second(), *bandwidth, "bandwidth");
    } else if (link.profile) {
      const LinkPoint& last = link.profile->table.back();
      link.bandwidth_bytes_per_second =
          static_cast<double>(std::max<std::int64_t>(last.bytes, 1)) / link.profile->seconds(last.bytes);
    } else if (local) {
      link.bandwidth_bytes_per_second = local_bytes_per_second;
    } else {
      map.fail("PLATFORM-BANDWIDTH",
               fmt::format("network '{}' needs a bandwidth, such as '940 Mbit/s', or a profile", link.name));
    }
    if (const auto latency = map.find("latency")) {
      link.latency_seconds = latency->seconds();
    } else if (link.profile) {
      link.latency_seconds = link.profile->seconds(0);
    } else if (local) {
      link.latency_seconds = local_latency_seconds;
    } else {
      link.latency_seconds = link.kind == NetworkKind::shared ? assumed_latency_shared : assumed_latency_switched;
      warn(fmt::format("network '{}' has no latency: {} us are assumed", link.name, link.latency_seconds * 1e6));
    }
  }

  // Ranks of this machine reach each other without any network in the file.
  void connect_local_devices() {
    std::vector<std::size_t> local;
    for (std::size_t i = 0; i < platform_.devices.size(); ++i)
      if (platform_.devices[i].local()) local.push_back(i);
    if (local.size() < 2) return;
    const auto covers = [&](const Link& link) {
      return std::all_of(local.begin(), local.end(), [&](std::size_t i) {
        return std::find(link.members.begin(), link.members.end(), i) != link.members.end();
      });
    };
    if (std::any_of(platform_.links.begin(), platform_.links.end(), covers)) return;
    Link link;
    link.name = "local";
    while (network_names_.count(link.name) > 0) link.name += "_";
    link.members = local;
    link.bandwidth_bytes_per_second = local_bytes_per_second;
    link.latency_seconds = local_latency_seconds;
    platform_.links.push_back(link);
  }

  void check_pairs(const Value& root) {
    const std::size_t count = platform_.devices.size();
    std::vector<bool> connected(count * count);
    for (const Link& link : platform_.links)
      for (const std::size_t a : link.members)
        for (const std::size_t b : link.members) connected[a * count + b] = true;
    for (std::size_t a = 0; a < count; ++a)
      for (std::size_t b = a + 1; b < count; ++b)
        if (!connected[a * count + b])
          throw Error(ExitCode::bad_input, "PLATFORM-PAIR",
                      root.key_place(root.has("networks") ? "networks" : "devices"),
                      fmt::format("devices '{}' and '{}' are on no common network; add a network that lists both",
                                  platform_.devices[a].name, platform_.devices[b].name));
  }

  void read_ends(const Value& root) {
    if (const auto input = root.find("input")) {
      platform_.input_everywhere = input->text() == "everywhere";
      if (!platform_.input_everywhere) platform_.input = device_index(*input);
    }
    if (const auto output = root.find("output")) platform_.output = device_index(*output);
  }

  void warn_oversubscribed() {
    if (!platform_.oversubscribed()) return;
    int wanted = 0;
    for (const Device& device : platform_.devices) wanted += device.local() ? device.cores : 0;
    warn(fmt::format(
        "oversubscribed: the local devices ask for {} cores, this machine has {}; times measured here claim nothing",
        wanted, usable_cores()));
  }

  std::string path_;
  fs::path folder_;
  Platform platform_;
  Sha256 hash_;
  std::set<std::string> device_names_, hosts_, network_names_;
  std::map<std::string, std::shared_ptr<const DeviceProfile>> device_profiles_;
  std::map<int, std::shared_ptr<const DeviceProfile>> generic_profiles_;
};

}  // namespace

Platform parse_platform(const std::string& text, const std::string& path) { return Reader(text, path).read(); }

Platform read_platform(const fs::path& path) { return parse_platform(read_text(path, file_cap), path.string()); }

}  // namespace dse
