// dse doctor: whether this machine has what the other commands need, and what would make measurements better.
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/power_options.hpp"
#include "dse/report/table.hpp"
#include "dse/version.hpp"
#include "engine/engine.hpp"
#include "runtime/cpu_quota.hpp"

namespace dse {
namespace {

enum class Status { ok, warning, missing };

struct Check {
  std::string name;
  Status status = Status::ok;
  std::string found;
  std::string advice;
};

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

Check engine_check() {
  try {
    return {"engine", Status::ok, "ONNX Runtime " + engine::Engine::instance().version(), ""};
  } catch (const Error& error) {
    return {"engine", Status::missing, error.message(),
            "run scripts/setup, or set DSE_ORT_LIBRARY to libonnxruntime.so"};
  }
}

// Beside this program, or where the environment says, or in PATH.
std::optional<fs::path> program_path(const std::string& name, const char* variable) {
  std::vector<fs::path> places;
  if (const char* told = variable != nullptr ? std::getenv(variable) : nullptr; told != nullptr && *told != '\0')
    places.emplace_back(told);
  places.push_back(executable_folder() / name);
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (!folder.empty()) places.push_back(fs::path(folder) / name);
  for (const fs::path& place : places)
    if (::access(place.c_str(), X_OK) == 0 && !fs::is_directory(place)) return place;
  return std::nullopt;
}

Check program_check(const std::string& name, const char* variable, const std::string& needed_for) {
  if (const auto path = program_path(name, variable)) return {name, Status::ok, path->string(), ""};
  return {name, Status::missing, "not found", fmt::format("needed for {}; it is built beside dse", needed_for)};
}

Check mpi_check() {
  if (!program_path("mpirun", nullptr))
    return {"mpirun", Status::missing, "not found", "apt-get install openmpi-bin; needed to run packages"};
  ProcessOptions options;
  options.argv = {"mpirun", "--version"};
  options.deadline = std::chrono::seconds(10);
  const ProcessResult result = run_process(options);
  const std::string line = printable(result.output.substr(0, result.output.find('\n')));
  if (result.exit_code != 0) return {"mpirun", Status::missing, "mpirun --version fails", "reinstall Open MPI 4.x"};
  const bool open_mpi = line.find("Open MPI") != std::string::npos;
  return {"mpirun", open_mpi ? Status::ok : Status::warning, line, open_mpi ? "" : "only Open MPI 4.x is tested"};
}

int usable_cores() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

Check core_check() {
  const int cores = usable_cores();
  return {"cores", cores >= 2 ? Status::ok : Status::warning,
          fmt::format("{} usable of {} online", cores, ::sysconf(_SC_NPROCESSORS_ONLN)),
          cores >= 2 ? "" : "two local ranks will share one core: their times mean little"};
}

Check memory_check() {
  std::ifstream file("/proc/meminfo");
  double total = 0;
  double available = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("MemTotal:")) total = std::strtod(line.c_str() + 9, nullptr) * 1024;
    if (line.starts_with("MemAvailable:")) available = std::strtod(line.c_str() + 13, nullptr) * 1024;
  }
  const bool enough = available >= 1024.0 * 1024 * 1024;
  return {"memory", enough ? Status::ok : Status::warning,
          fmt::format("{} available of {}", report::human(available, report::Quantity::bytes),
                      report::human(total, report::Quantity::bytes)),
          enough ? "" : "large networks need about three times their weights"};
}

Check quota_check() {
  const std::optional<runtime::CpuQuota> quota = runtime::cpu_quota();
  if (!quota) return {"cpu quota", Status::ok, "none", ""};
  const bool enough = quota->cores >= usable_cores();
  return {"cpu quota", enough ? Status::ok : Status::warning, fmt::format("{:.2f} cores", quota->cores),
          enough ? "" : "the control group throttles below the cores that are visible: calibrate under the same quota"};
}

Check governor_check() {
  const std::string governor = printable(first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
  if (governor.empty()) return {"governor", Status::ok, "not exposed (a virtual machine?)", ""};
  const bool steady = governor == "performance";
  return {"governor", steady ? Status::ok : Status::warning, governor,
          steady ? "" : "for steady measurements: cpupower frequency-set -g performance"};
}

// One row a sensor, as `auto` would try them. None is information: energy is then estimated from coefficients.
std::vector<Check> sensor_checks(const fs::path& root) {
  std::vector<Check> checks;
  for (const runtime::ListedPowerSensor& sensor : runtime::list_power_sensors(root))
    checks.push_back(
        {"power sensor", Status::ok,
         printable(sensor.facts.kind + (sensor.readable ? ": " : ", not readable: ") + sensor.facts.source),
         printable(sensor.readable ? "" : sensor.why_not, 300)});
  if (checks.empty())
    checks.push_back({"power sensor", Status::ok, "none",
                      "energy is estimated from the coefficients in the platform file; a meter's file can be named: "
                      "--power-sensor csv:FILE"});
  return checks;
}

std::string_view status_text(Status status) {
  return status == Status::ok ? "ok" : status == Status::warning ? "warning" : "MISSING";
}

int run_doctor(const Arguments& arguments, Console& console) {
  std::vector<Check> checks = {
      {"dse", Status::ok, version_text(), ""},
      engine_check(),
      program_check("dse-shapes", "DSE_SHAPES", "reading models"),
      program_check("dse-worker", "DSE_WORKER", "running packages"),
      mpi_check(),
      core_check(),
      memory_check(),
      quota_check(),
      governor_check(),
  };
  for (Check& check : sensor_checks(power_asked(arguments).root)) checks.push_back(std::move(check));
  report::Table table{{{"check", "check"}, {"status", "status"}, {"found", "found"}, {"advice", "advice"}}, {}};
  bool complete = true;
  for (const Check& check : checks) {
    table.rows.push_back({check.name, std::string(status_text(check.status)), check.found, check.advice});
    complete = complete && check.status != Status::missing;
  }
  report::print(console, table);
  return static_cast<int>(complete ? ExitCode::done : ExitCode::device);
}

}  // namespace

Command doctor_command() {
  return {{"doctor"},
          "check that this machine has what dse needs; exit 7 where something is missing",
          {},
          {power_root_option()},
          run_doctor};
}

}  // namespace dse
