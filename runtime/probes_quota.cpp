#include "runtime/probes_quota.hpp"

#include <algorithm>

#include "runtime/process_facts.hpp"

namespace dse::probes {

std::optional<runtime::CpuQuota> binding_quota(const std::vector<int>& cpus, const fs::path& root) {
  const std::size_t count = cpus.empty() ? runtime::affinity().size() : cpus.size();
  const auto quota = runtime::cpu_quota(root);
  return quota && quota->cores < static_cast<double>(count) ? quota : std::nullopt;
}

double least_window_s(const runtime::CpuQuota& quota) { return 20 * quota.period_s; }

std::size_t window_passes(double budget_s, double window_s, std::size_t models, std::size_t most_passes) {
  const double fitting = budget_s / (window_s * static_cast<double>(std::max<std::size_t>(models, 1)));
  return static_cast<std::size_t>(std::clamp(fitting, 1.0, static_cast<double>(std::max<std::size_t>(most_passes, 1))));
}

Window run_window(double least_s, const std::function<double()>& clock_s, const std::function<void()>& work) {
  Window window;
  const double begin_s = clock_s();
  while (window.seconds < least_s) {
    work();
    ++window.runs;
    window.seconds = clock_s() - begin_s;
  }
  return window;
}

}  // namespace dse::probes
