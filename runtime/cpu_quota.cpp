#include "runtime/cpu_quota.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/decimal.hpp"

namespace dse::runtime {
namespace {

std::vector<std::string> words_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line, word;
  std::getline(file, line);
  std::istringstream fields(line);
  std::vector<std::string> words;
  while (fields >> word) words.push_back(word);
  return words;
}

// "max" (version 2), "-1" (version 1) and what is no number are no limit; the kernel knows periods up to a second.
std::optional<CpuQuota> quota(const std::string& microseconds, const std::string& period) {
  const std::optional<double> quota_us = decimal(microseconds), period_us = decimal(period);
  if (!quota_us || !period_us || *quota_us <= 0 || *period_us <= 0 || *period_us > 1e6) return std::nullopt;
  return CpuQuota{*quota_us / *period_us, 1e-6 * *period_us};
}

std::optional<CpuQuota> second_version(const fs::path& group) {
  const std::vector<std::string> words = words_of(group / "cpu.max");
  return words.size() == 2 ? quota(words[0], words[1]) : std::nullopt;
}

std::optional<CpuQuota> first_version(const fs::path& group) {
  const std::vector<std::string> limit = words_of(group / "cpu.cfs_quota_us");
  const std::vector<std::string> period = words_of(group / "cpu.cfs_period_us");
  return limit.size() == 1 && period.size() == 1 ? quota(limit[0], period[0]) : std::nullopt;
}

bool lists(const std::string& controllers, const std::string& wanted) {
  std::istringstream words(controllers);
  for (std::string word; std::getline(words, word, ',');)
    if (word == wanted) return true;
  return false;
}

// Where the groups of a version may be mounted: alone, beside the other version, or with another controller.
std::vector<fs::path> mounts(bool second) {
  if (second) return {"sys/fs/cgroup", "sys/fs/cgroup/unified"};
  return {"sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpuacct,cpu"};
}

// Equally tight ones: the one that stops for longer.
void take_tighter(std::optional<CpuQuota>& tightest, const std::optional<CpuQuota>& other) {
  if (!other) return;
  const bool equal = tightest && other->cores == tightest->cores;
  if (!tightest || other->cores < tightest->cores || (equal && other->period_s > tightest->period_s)) tightest = other;
}

// From the group up to the mount. What is above a container's own group is not there, and passed over.
void walk(const fs::path& mount, const fs::path& group, bool second, std::optional<CpuQuota>& tightest) {
  fs::path inside = group.relative_path().lexically_normal();
  if (!inside.empty() && *inside.begin() == "..") inside.clear();  // outside of this process's view
  while (true) {
    take_tighter(tightest, second ? second_version(mount / inside) : first_version(mount / inside));
    if (inside.empty()) return;
    inside = inside.parent_path();
  }
}

}  // namespace

std::optional<CpuQuota> cpu_quota(const fs::path& root) {
  std::optional<CpuQuota> tightest;
  std::ifstream groups(root / "proc/self/cgroup");
  // "0::/a/b" (version 2) or "4:cpu,cpuacct:/a/b".
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t last = first == std::string::npos ? first : line.find(':', first + 1);
    if (last == std::string::npos) continue;
    const bool second = line.compare(0, first, "0") == 0 && last == first + 1;
    if (!second && !lists(line.substr(first + 1, last - first - 1), "cpu")) continue;
    for (const fs::path& mount : mounts(second)) walk(root / mount, line.substr(last + 1), second, tightest);
  }
  return tightest;
}

}  // namespace dse::runtime
