#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "estimator/calibration.hpp"

namespace dse {

void fit_wakes(std::span<const WakeObservation> observations, LinkProfile& profile) {
  if (observations.empty()) return;
  profile.wake_longest_seconds = observations.back().late_seconds;
  double waited = 0, late = 0;
  for (const WakeObservation& one : observations) {
    if (one.late_seconds > profile.wake_longest_seconds / 2 && waited > 0) break;
    waited += one.waited_seconds;
    late += one.late_seconds;
  }
  profile.wake_share = waited > 0 ? late / waited : 0;
}

HostPair host_pair(const std::string& a, const std::string& b) { return a < b ? HostPair{a, b} : HostPair{b, a}; }

std::vector<HostPair> pairs_to_measure(const std::set<HostPair>& pairs) {
  constexpr std::size_t few = 15;
  if (pairs.size() <= few) return {pairs.begin(), pairs.end()};
  std::set<std::string> hosts;
  for (const auto& [first, second] : pairs) hosts.insert({first, second});
  std::vector<HostPair> chosen;
  for (auto host = hosts.begin(); host != hosts.end(); ++host) {
    const auto next = std::next(host) == hosts.end() ? hosts.begin() : std::next(host);
    for (const HostPair& pair : {host_pair(*host, *host), host_pair(*host, *next)})
      if (pairs.count(pair) > 0) chosen.push_back(pair);
  }
  return chosen;
}

namespace {

// At every size that all of them have.
std::vector<LinkPoint> slowest(const std::vector<LinkPair>& pairs) {
  std::vector<LinkPoint> table = pairs.front().table;
  for (const LinkPair& pair : pairs) {
    table.resize(std::min(table.size(), pair.table.size()));
    for (std::size_t i = 0; i < table.size(); ++i) table[i].seconds = std::max(table[i].seconds, pair.table[i].seconds);
  }
  return table;
}

}  // namespace

LinkProfile merge_pairs(const std::string& name, const std::vector<std::pair<HostPair, LinkProfile>>& measured) {
  LinkProfile result;
  result.name = name;
  std::vector<LinkPair> between;
  for (const auto& [hosts, profile] : measured) {
    result.cpu_seconds_per_message = std::max(result.cpu_seconds_per_message, profile.cpu_seconds_per_message);
    result.cpu_seconds_per_byte = std::max(result.cpu_seconds_per_byte, profile.cpu_seconds_per_byte);
    result.wake_share = std::max(result.wake_share, profile.wake_share);
    result.wake_longest_seconds = std::max(result.wake_longest_seconds, profile.wake_longest_seconds);
    result.pairs.push_back({hosts.first, hosts.second, profile.table});
    if (hosts.first == hosts.second) continue;  // ranks of one host do not use the network
    result.both_ways = std::max(result.both_ways, profile.both_ways);
    between.push_back(result.pairs.back());
  }
  result.table = slowest(between.empty() ? result.pairs : between);
  result.between =
      measured.size() == 1 ? measured.front().second.between : fmt::format("{} pairs of hosts", measured.size());
  if (measured.size() == 1) result.pairs.clear();
  return result;
}

}  // namespace dse
