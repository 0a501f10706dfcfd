// dse calibrate: measures this machine, and writes what the estimator needs to know of it; or tells what was written.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/device_calibration.hpp"
#include "dse/commands/model_options.hpp"
#include "dse/commands/pair_calibration.hpp"
#include "dse/commands/power_options.hpp"
#include "dse/commands/profile_report.hpp"
#include "dse/commands/worker_memory.hpp"
#include "dse/report/table.hpp"
#include "models/zoo.hpp"
#include "platform/platform.hpp"

namespace dse {
namespace {

std::vector<Network> networks_asked(const Arguments& arguments, Console& console) {
  std::vector<Network> networks;
  for (const std::string& path : arguments.list("--model")) networks.push_back(import_model(arguments, path, console));
  if (!networks.empty()) return networks;
  // Without a model: two small networks of the zoo have most classes of kernel between them.
  console.note(
      "no --model given: measuring resnet18 and mobilenetv2 of the zoo; other networks will be estimated from these");
  for (const char* name : {"resnet18", "mobilenetv2"}) {
    const TempDir folder("dse-calibrate-zoo");
    const fs::path path = folder.path() / (std::string(name) + ".onnx");
    zoo::make(name, path);
    networks.push_back(Network::import(path));
  }
  return networks;
}

std::vector<int> threads_asked(const Arguments& arguments, int cores) {
  if (!arguments.has("--threads")) {
    std::vector<int> all(static_cast<std::size_t>(cores));
    std::iota(all.begin(), all.end(), 1);
    return all;
  }
  std::vector<int> threads;
  for (const std::string& text : arguments.comma_list("--threads")) {
    Arguments one;
    one.set("--threads", text);
    threads.push_back(static_cast<int>(one.integer("--threads", 1, cores)));
  }
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
}

// Finds out now, not after minutes of measuring.
void check_writable(const fs::path& folder) {
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
    throw Error(ExitCode::io, "FILE-WRITE", {folder.string()},
                "cannot write here; -o must lie in a folder that exists and can be written");
  }
}

double median_magnitude(std::vector<double> errors) {
  if (errors.empty()) return 0;
  for (double& error : errors) error = std::abs(error);
  std::sort(errors.begin(), errors.end());
  return errors[errors.size() / 2];
}

void add_rows(report::Table& table, const std::string& file, const CalibrationResult& result) {
  for (const HoldOut& hold_out : result.hold_outs) {
    const auto kernels = std::count_if(result.profile.kernels.begin(), result.profile.kernels.end(),
                                       [&](const KernelMeasurement& k) { return k.threads == hold_out.threads; });
    table.rows.push_back({result.profile.name, file, hold_out.network, static_cast<std::int64_t>(hold_out.threads),
                          static_cast<std::int64_t>(kernels), median_magnitude(hold_out.errors), result.profile.noise,
                          result.preempted});
  }
}

report::Table result_table() {
  using report::Quantity;
  return {{{"device", "device"},
           {"profile", "profile"},
           {"network", "network"},
           {"threads", "threads"},
           {"kernels", "kernels"},
           {"hold_out_error", "hold-out error", Quantity::fraction},
           {"noise", "noise", Quantity::fraction},
           {"disturbed", "disturbed", Quantity::fraction}},
          {}};
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

// Nothing where there is no sensor, which is usual.
std::optional<PowerCalibration> power_to_measure(const Arguments& arguments, std::size_t slices) {
  const runtime::PowerSensorOptions options = power_asked(arguments);
  if (runtime::open_power_sensor(options)->facts().kind == "none") return std::nullopt;
  constexpr double longest_s = 40;
  return PowerCalibration{options, longest_s / static_cast<double>(slices)};
}

// What MPI adds to a worker; a machine without a working mpirun can still be calibrated.
std::optional<LinkCalibration> local_link(const std::string& name, const std::string& between,
                                          const std::vector<std::vector<int>>& cpus, Console& console) try {
  return calibrate_local_link(name, between, cpus);
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
std::vector<std::vector<int>> of_first_two(const Platform& platform, const std::vector<int>& cpus) {
  std::vector<std::vector<int>> result;
  auto next = cpus.begin();
  for (std::size_t d = 0; d < std::min<std::size_t>(2, platform.devices.size()); ++d) {
    if (cpus.end() - next < platform.devices[d].cores) return {};
    result.emplace_back(next, next + platform.devices[d].cores);
    next += platform.devices[d].cores;
  }
  return result;
}

void calibrate_machine(const Arguments& arguments, const std::vector<Network>& networks, Console& console,
                       report::Table& table) {
  const fs::path output = arguments.text("--output");
  check_writable(output.parent_path());
  const std::vector<int> cpus = usable_cpus();
  const DeviceCalibration device{"localhost", threads_asked(arguments, static_cast<int>(cpus.size())), cpus,
                                 arguments.seconds("--budget"), power_to_measure(arguments, 1)};
  CalibrationResult result = calibrate_device(networks, device, console);
  const auto link = local_link("local", "localhost,localhost", {}, console);
  add_worker_memory(link, result.profile, console);
  warn_of_noise(result, console);
  tell_of_quota(result, console);
  write_file(output, to_yaml(result.profile));
  add_rows(table, output.string(), result);
}

// Devices with equally many cores are one machine's equal slices: measured once.
void calibrate_platform(const Arguments& arguments, const std::vector<Network>& networks, Console& console,
                        report::Table& table) {
  const Platform platform = read_platform(arguments.text("--platform"));
  for (const Device& device : platform.devices) {
    if (device.local()) continue;
    throw Error(ExitCode::usage, "CALIBRATE-REMOTE",
                "device '" + device.name + "' is on host '" + device.host +
                    "': only local devices can be calibrated from here; run 'dse calibrate -o profile.yaml' on it");
  }
  for (const char* taken : {"platform", "network"})
    if (platform.device_named(taken))
      throw Error(ExitCode::usage, "CALIBRATE-NAME",
                  fmt::format("a device named '{0}' would have its profile in {0}.yaml, which is written too", taken));
  const fs::path folder = arguments.text("--output");
  check_writable(folder.parent_path());
  std::error_code failed;
  fs::create_directory(folder, failed);
  check_writable(folder);
  std::map<int, CalibrationResult> by_cores;
  std::vector<int> cpus = usable_cpus();
  const auto link = local_link(platform.links.empty() ? "local" : platform.links.front().name, "localhost,localhost",
                               of_first_two(platform, cpus), console);
  for (const Device& device : platform.devices) by_cores.try_emplace(device.cores);
  for (auto& [cores, result] : by_cores) {
    const int usable = std::min(cores, static_cast<int>(cpus.size()));
    const DeviceCalibration slice{fmt::format("{}-core slice", cores), threads_asked(arguments, usable), cpus,
                                  arguments.seconds("--budget") / static_cast<double>(by_cores.size()),
                                  power_to_measure(arguments, by_cores.size())};
    result = calibrate_device(networks, slice, console);
    add_worker_memory(link, result.profile, console);
    if (link && platform.devices.size() > 1 && 2 * cores <= static_cast<int>(cpus.size()))
      add_pair(networks, cores, result.profile, console);
    warn_of_noise(result, console);
    tell_of_quota(result, console);
  }
  ProfileFiles files;
  for (const Device& device : platform.devices) {
    CalibrationResult& result = by_cores.at(device.cores);
    result.profile.name = device.name;
    const fs::path file = folder / (device.name + ".yaml");
    write_file(file, to_yaml(result.profile));
    files.devices[device.name] = file.filename();
    add_rows(table, file.string(), result);
  }
  if (link) {
    write_file(folder / "network.yaml", to_yaml(link->profile));
    for (const Link& local : platform.links)
      if (!local.declared) files.links[local.name] = "network.yaml";
  }
  write_file(folder / "platform.yaml", to_yaml(platform, files));
  console.note("explore with " + printable((folder / "platform.yaml").string()) + ": the platform with these profiles");
}

void check_words(const Arguments& arguments) {
  if (arguments.has("PROFILE"))
    throw Error(ExitCode::usage, "USAGE", "a profile is written to with -o FILE; --show tells what is in one");
  if (!arguments.has("--output"))
    throw Error(ExitCode::usage, "USAGE",
                "'--output FILE' is required: the profile to write, or with --platform a folder");
}

int run_calibrate(const Arguments& arguments, Console& console) {
  if (arguments.has("--show")) return show_profiles(arguments, console);
  check_words(arguments);
  const std::vector<Network> networks = networks_asked(arguments, console);
  report::Table table = result_table();
  if (arguments.has("--platform")) {
    calibrate_platform(arguments, networks, console, table);
  } else {
    calibrate_machine(arguments, networks, console, table);
  }
  report::print(console, table);
  return 0;
}

}  // namespace

Command calibrate_command() {
  Command command{{"calibrate"}, "measure this machine for the estimator", {}, {}, run_calibrate};
  command.positionals = {{"PROFILE", "with --show: the profile to tell of", false, false}};
  command.options = {
      {"--model", "FILE", "a network whose layers are measured; may be given several times", false, true, "", {}},
      shape_option(),
      {"-o,--output",
       "FILE",
       "the profile to write (needed unless --show); with --platform a folder: <device>.yaml each, network.yaml, and "
       "platform.yaml that names them",
       false,
       false,
       "",
       {}},
      {"--platform", "FILE", "calibrate the (local) devices of a platform", false, false, "", {}},
      {"--threads",
       "LIST",
       "thread counts to measure, such as 1,2 (default: 1 to the number of cores)",
       false,
       false,
       "",
       {}},
      {"--show", "", "tell what PROFILE, or each device's of --platform, knows; measure nothing", false, false, "", {}},
      {"--budget", "TIME", "for the measuring itself", false, false, "60s", {}},
      power_sensor_option(),
      power_root_option(),
  };
  return command;
}

}  // namespace dse
