// The processor time that the control groups of this process may use (cgroup-v2.rst: cpu.max; scheduler/sched-bwc.rst:
// cpu.cfs_quota_us, cpu.cfs_period_us).
#pragma once

#include <optional>

#include "base/files.hpp"

namespace dse::runtime {

struct CpuQuota {
  double cores = 0;     // processor time a time
  double period_s = 0;  // what is used up is refilled so often; until then every thread is stopped
};

// The tightest of this process's own group and of its ancestors, of both versions; nothing where none has a limit.
// `root` holds proc/self/cgroup and sys/fs/cgroup.
std::optional<CpuQuota> cpu_quota(const fs::path& root = "/");

}  // namespace dse::runtime
