#include "dse/commands/host_calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "dse/commands/pair_calibration.hpp"
#include "dse/commands/worker_memory.hpp"

namespace dse {
namespace {

// Nothing where there is no sensor, which is usual.
std::optional<PowerCalibration> power_to_measure(const HostRequest& request) {
  if (runtime::open_power_sensor(request.power)->facts().kind == "none") return std::nullopt;
  constexpr double longest_s = 40;
  return PowerCalibration{request.power, longest_s / static_cast<double>(request.slices.size())};
}

// What MPI adds to a worker; a machine without a working mpirun can still be calibrated.
std::optional<LinkCalibration> local_link(const std::string& name, const std::vector<std::vector<int>>& cpus,
                                          Console& console) try {
  return calibrate_local_link(name, "localhost,localhost", cpus);
} catch (const Error& error) {
  if (error.exit() == ExitCode::interrupted) throw;
  console.warn("no MPI measurement: " + error.message());
  return std::nullopt;
}

// What MPI, and all else that the probes do not have, takes of a worker.
void add_worker_memory(const std::optional<LinkCalibration>& link, DeviceProfile& profile, Console& console) try {
  constexpr double assumed_mpi_bytes = 20e6;
  profile.memory_base_bytes += link ? link->mpi_bytes : assumed_mpi_bytes;
  if (!link) return;
  profile.memory_base_bytes = std::max(1.0, profile.memory_base_bytes + worker_memory_beside(profile));
} catch (const Error& error) {
  if (error.exit() == ExitCode::interrupted) throw;
  console.warn("no measurement of a worker's memory: " + error.message());
}

void add_pair(const std::vector<Network>& networks, int cores, DeviceProfile& profile, Console& console) try {
  calibrate_pair(networks, cores, profile);
} catch (const Error& error) {
  if (error.exit() == ExitCode::interrupted) throw;
  console.warn("no measurement of two devices together: " + error.message());
}

// The processors of the first two devices, as their workers will have them; nothing where there are too few.
std::vector<std::vector<int>> of_first_two(const std::vector<int>& cores, const std::vector<int>& cpus) {
  std::vector<std::vector<int>> result;
  auto next = cpus.begin();
  for (const int count : cores) {
    if (cpus.end() - next < count) return {};
    result.emplace_back(next, next + count);
    next += count;
  }
  return result;
}

std::vector<int> threads_of(const HostRequest& request, int cores) {
  std::vector<int> threads = request.threads;
  if (threads.empty()) {
    threads.resize(static_cast<std::size_t>(cores));
    std::iota(threads.begin(), threads.end(), 1);
  }
  std::erase_if(threads, [cores](int count) { return count > cores; });
  if (threads.empty()) threads.push_back(cores);
  return threads;
}

void warn_of_noise(const CalibrationResult& result, const Console& console) {
  constexpr double much_noise = 0.1, often = 0.5;
  if (result.profile.noise > much_noise || result.preempted > often) {
    console.warn(
        fmt::format("the machine was busy: a fixed piece of work varied by {:.0f} %, and other processes interrupted "
                    "{:.0f} % of the "
                    "samples; calibrate again on a quiet machine",
                    100 * result.profile.noise, 100 * result.preempted));
  }
}

void tell_of_quota(const CalibrationResult& result, const Console& console) {
  if (result.over_budget <= 0) return;
  console.note("a processor quota is active: times are means over windows of 20 of its periods, stops included");
  if (result.over_budget > 1.1)
    console.warn(
        fmt::format("the processor quota's windows took {:.1f} times the budget for measuring", result.over_budget));
}

}  // namespace

HostReport calibrate_host(const std::vector<Network>& networks, const HostRequest& request, Console& console) {
  const std::vector<int> cpus = usable_cpus();
  const int usable = static_cast<int>(cpus.size());
  HostReport report;
  report.link = local_link(request.link_name, of_first_two(request.first_two, cpus), console);
  for (const int cores : request.slices) {
    const DeviceCalibration slice{fmt::format("{}-core slice", cores), threads_of(request, std::min(cores, usable)),
                                  cpus, request.budget_seconds / static_cast<double>(request.slices.size()),
                                  power_to_measure(request)};
    CalibrationResult& result = report.slices[cores] = calibrate_device(networks, slice, console);
    add_worker_memory(report.link, result.profile, console);
    if (report.link && request.neighbours && 2 * cores <= usable) add_pair(networks, cores, result.profile, console);
    warn_of_noise(result, console);
    tell_of_quota(result, console);
  }
  return report;
}

}  // namespace dse
