#include "dse/commands/validated_energy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dse/report/table.hpp"

namespace dse {

std::vector<HostEnergy> host_energies(const validator::Measurement& measured, const std::vector<double>& estimated) {
  std::vector<HostEnergy> hosts;
  for (const validator::ReportDevice& device : measured.devices) {
    if (!device.energy) continue;
    HostEnergy& host = hosts.emplace_back();
    host.ranks = device.energy->ranks;
    for (const std::size_t rank : host.ranks) {
      host.devices.push_back(measured.devices.at(rank).device);
      host.estimated_j += estimated.at(rank);
    }
    host.measured_j = device.energy->joules_per_frame;
    host.sensor = device.energy->sensor;
    host.source = device.energy->source;
    host.failure = device.energy->failure;
  }
  return hosts;
}

void store_energy(const std::vector<HostEnergy>& hosts, archive::Validation& validation) {
  double highest = 0;
  for (const HostEnergy& host : hosts) {
    if (host.ranks.size() != 1 || !host.measured_j) continue;
    validation.devices.at(host.ranks.front()).energy_measured_j = host.measured_j;
    highest = std::max(highest, *host.measured_j);
  }
  // A device without a sensor might be the one that takes most.
  const bool all = std::all_of(validation.devices.begin(), validation.devices.end(),
                               [](const archive::ValidationDevice& device) { return device.energy_measured_j; });
  if (all && !validation.devices.empty()) validation.energy_measured_j = highest;
}

std::string energy_label(const std::vector<HostEnergy>& hosts) {
  std::vector<std::string> kinds;
  for (const HostEnergy& host : hosts)
    if (host.measured_j && std::find(kinds.begin(), kinds.end(), host.sensor) == kinds.end())
      kinds.push_back(host.sensor);
  if (!kinds.empty()) return fmt::format("measured with {}", fmt::join(kinds, ", "));
  return hosts.empty() ? "no sensor" : "not measured";
}

std::vector<std::string> energy_lines(const std::vector<HostEnergy>& hosts, bool assumed) {
  std::vector<std::string> lines;
  for (const HostEnergy& host : hosts) {
    const std::string who = fmt::format("energy of {}{}", fmt::join(host.devices, " and "),
                                        host.devices.size() > 1 ? " together (one host, one sensor)" : "");
    if (!host.measured_j) {
      lines.push_back(fmt::format("{}: not measured: {}", who, host.failure));
      continue;
    }
    lines.push_back(fmt::format("{}: {} measured a frame ({}: {}), {} estimated{}", who,
                                report::human(*host.measured_j, report::Quantity::joules), host.sensor, host.source,
                                report::human(host.estimated_j, report::Quantity::joules),
                                assumed ? " (assumed)" : ""));
  }
  return lines;
}

nlohmann::ordered_json to_json(const std::vector<HostEnergy>& hosts) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const HostEnergy& host : hosts) {
    nlohmann::ordered_json one{{"devices", host.devices}, {"estimated_j", host.estimated_j}, {"measured_j", nullptr},
                               {"sensor", host.sensor},   {"source", host.source},           {"failure", nullptr}};
    if (host.measured_j) one["measured_j"] = *host.measured_j;
    if (!host.measured_j) one["failure"] = host.failure;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace dse
