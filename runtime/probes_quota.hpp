// Times under a processor quota: a thread that runs until it is stopped, and is stopped until the next period, has
// times of single runs that say nothing; the mean over many periods is what the device does.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "runtime/cpu_quota.hpp"

namespace dse::probes {

// The quota that can stop a process on these processors (empty: those that it may use now); nothing where it allows all
// of them all the time.
std::optional<runtime::CpuQuota> binding_quota(const std::vector<int>& cpus, const fs::path& root = "/");

// 20 periods: where a window begins and ends inside of them moves its mean by 5 % at most.
double least_window_s(const runtime::CpuQuota& quota);

// Windows of each model that fit into the budget: one at least, even where it does not fit.
std::size_t window_passes(double budget_s, double window_s, std::size_t models, std::size_t most_passes);

struct Window {
  double seconds = 0;
  std::size_t runs = 0;
  double mean() const { return seconds / static_cast<double>(runs); }
};

// Runs `work` again and again until that long has passed; the last run is waited for.
Window run_window(double least_s, const std::function<double()>& clock_s, const std::function<void()>& work);

}  // namespace dse::probes
