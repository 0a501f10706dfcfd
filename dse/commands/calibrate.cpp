// dse calibrate: measures this machine, and writes what the estimator needs to know of it; or tells what was written.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/model_options.hpp"
#include "dse/commands/platform_calibration.hpp"
#include "dse/commands/power_options.hpp"
#include "dse/commands/profile_report.hpp"
#include "dse/commands/remote_calibration.hpp"
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

// Empty: all.
std::vector<int> threads_asked(const Arguments& arguments, int most) {
  std::vector<int> threads;
  if (!arguments.has("--threads")) return threads;
  for (const std::string& text : arguments.comma_list("--threads")) {
    Arguments one;
    one.set("--threads", text);
    threads.push_back(static_cast<int>(one.integer("--threads", 1, most)));
  }
  std::sort(threads.begin(), threads.end());
  threads.erase(std::unique(threads.begin(), threads.end()), threads.end());
  return threads;
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

void calibrate_machine(const Arguments& arguments, const std::vector<Network>& networks, Console& console,
                       report::Table& table) {
  const fs::path output = arguments.text("--output");
  check_writable(output.parent_path());
  const int cores = static_cast<int>(usable_cpus().size());
  HostRequest request;
  request.slices = {cores};
  request.threads = threads_asked(arguments, cores);
  request.budget_seconds = arguments.seconds("--budget");
  request.power = power_asked(arguments);
  HostReport report = calibrate_host(networks, request, console);
  CalibrationResult& result = report.slices.at(cores);
  result.profile.name = "localhost";
  write_file(output, to_yaml(result.profile));
  add_rows(table, output.string(), result);
}

// Exit code.
int calibrate_devices(const Arguments& arguments, const std::vector<Network>& networks, Console& console,
                      report::Table& table) {
  const Platform platform = read_platform(arguments.text("--platform"));
  int cores = 1;
  for (const Device& device : platform.devices) cores = std::max(cores, device.cores);
  PlatformCalibrationOptions options;
  options.folder = arguments.text("--output");
  options.threads = threads_asked(arguments, cores);
  options.budget_seconds = arguments.seconds("--budget");
  options.power = power_asked(arguments);
  options.program = arguments.has("--program") ? arguments.text("--program") : (executable_folder() / "dse").string();
  const PlatformCalibration calibrated = calibrate_platform(platform, networks, options, console);
  for (const Device& device : platform.devices)
    if (const auto file = calibrated.devices.find(device.name); file != calibrated.devices.end())
      add_rows(table, file->second.path.string(), file->second.result);
  for (const auto& [host, why] : calibrated.failures)
    console.warn("not calibrated, and left with generic rates: " + why);
  console.note("explore with " + printable((options.folder / "platform.yaml").string()) +
               ": the platform with these profiles");
  return calibrated.failures.empty() ? 0 : static_cast<int>(ExitCode::device);
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
  if (arguments.has("--serve")) return serve_calibration(console);
  check_words(arguments);
  const std::vector<Network> networks = networks_asked(arguments, console);
  report::Table table = result_table();
  int exit = 0;
  if (arguments.has("--platform")) {
    exit = calibrate_devices(arguments, networks, console, table);
  } else {
    calibrate_machine(arguments, networks, console, table);
  }
  report::print(console, table);
  return exit;
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
      {"--platform", "FILE", "calibrate the devices of a platform, on whatever hosts they are", false, false, "", {}},
      {"--program",
       "FILE",
       "with --platform: where dse is on other hosts (default: where it is here); its other programs are beside it",
       false,
       false,
       "",
       {}},
      {"--serve",
       "",
       "what --platform starts on another host: measures what standard input says, reports to standard output",
       false,
       false,
       "",
       {}},
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
