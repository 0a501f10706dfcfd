// Writes a Platform as the file that reads back as it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "platform/platform.hpp"
#include "platform/yaml_door.hpp"

namespace dse {
namespace {

std::string power_text(const Power& power) {
  const auto watts = [](double value) { return yaml::shortest(value) + " W"; };
  const auto joules = [](double value) { return yaml::shortest(value) + " J"; };
  return fmt::format("{{idle: {}, active: {}, waiting: {}, per_byte: {}, per_message: {}, source: {}}}",
                     watts(power.idle_watts), watts(power.active_watts), watts(power.waiting_watts),
                     joules(power.joules_per_byte), joules(power.joules_per_message), to_string(power.source));
}

std::string device_text(const Device& device, const std::string& profile) {
  std::string text = fmt::format("  - name: {}\n    host: {}\n", yaml::quote(device.name), yaml::quote(device.host));
  if (!device.user.empty()) text += fmt::format("    user: {}\n", yaml::quote(device.user));
  text += fmt::format("    cores: {}\n    memory: {} B\n    engine: {}\n", device.cores, device.memory_bytes,
                      device.engine);
  if (!profile.empty()) text += fmt::format("    profile: {}\n", yaml::quote(profile));
  if (device.power.declared) text += fmt::format("    power: {}\n", power_text(device.power));
  return text;
}

std::string link_text(const Platform& platform, const Link& link, const std::string& profile) {
  std::vector<std::string> members;
  for (const std::size_t member : link.members) members.push_back(yaml::quote(platform.devices[member].name));
  std::string text = fmt::format("  - name: {}\n    kind: {}\n    members: [{}]\n", yaml::quote(link.name),
                                 link.kind == NetworkKind::shared ? "shared" : "switched", fmt::join(members, ", "));
  if (link.declared && link.bandwidth_bytes_per_second > 0)
    text += fmt::format("    bandwidth: {} kB/s\n", yaml::shortest(link.bandwidth_bytes_per_second / 1000));
  if (link.declared) text += fmt::format("    latency: {} s\n", yaml::shortest(link.latency_seconds));
  if (!profile.empty()) text += fmt::format("    profile: {}\n", yaml::quote(profile));
  return text;
}

}  // namespace

std::string to_yaml(const Platform& platform, const ProfileFiles& profiles) {
  const auto file_of = [](const std::map<std::string, std::string>& files, const std::string& name) {
    const auto found = files.find(name);
    return found == files.end() ? std::string() : found->second;
  };
  std::string text =
      fmt::format("dse: platform/1\nname: {}\ninput: {}\noutput: {}\ndevices:\n", yaml::quote(platform.name),
                  platform.input_everywhere ? "everywhere" : yaml::quote(platform.devices[platform.input].name),
                  yaml::quote(platform.devices[platform.output].name));
  for (const Device& device : platform.devices) text += device_text(device, file_of(profiles.devices, device.name));
  std::string links;
  for (const Link& link : platform.links) {
    const std::string profile = file_of(profiles.links, link.name);
    if (link.declared || !profile.empty()) links += link_text(platform, link, profile);
  }
  return links.empty() ? text : text + "networks:\n" + links;
}

}  // namespace dse
