#include "dse/commands/device_calibration.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "deploy/weight_file.hpp"
#include "dse/commands/power_calibration.hpp"
#include "dse/report/progress.hpp"
#include "models/submodel.hpp"
#include "models/zoo.hpp"
#include "runtime/probes.hpp"
#include "validator/mpirun.hpp"

namespace dse {

namespace {

std::string probe_program() { return (executable_folder() / "dse-probe").string(); }

std::string output_of(ProcessOptions options, const std::string& request, double expected_seconds) {
  const TempDir folder("dse-probe");
  const fs::path file = folder.path() / "request.json";
  write_file(file, request);
  options.argv.push_back(file.string());
  options.deadline = std::chrono::seconds(static_cast<long>(120 + 5 * expected_seconds));
  options.cancelled = [] { return interrupted(); };
  const ProcessResult result = run_process(options);
  if (result.cancelled) throw Error(ExitCode::interrupted, "INTERRUPTED", "interrupted; nothing was written");
  if (result.timed_out) throw Error(ExitCode::deadline, "CALIBRATE-PROBE", "a calibration probe did not end in time");
  if (result.exit_code != 0) {
    throw Error(ExitCode::device, "CALIBRATE-PROBE",
                fmt::format("a calibration probe failed with exit code {}: {}", result.exit_code,
                            printable(result.errors, 500)));
  }
  return result.output;
}

}  // namespace

std::string run_probe(const std::string& kind, const std::string& request, double expected_seconds) {
  ProcessOptions options;
  options.argv = {probe_program(), kind};
  return output_of(options, request, expected_seconds);
}

std::string run_ranked_probe(int ranks, const std::string& kind, const std::string& request, double expected_seconds) {
  return output_of(validator::mpirun_process(
                       {"--oversubscribe", "--bind-to", "none", "-n", std::to_string(ranks), probe_program(), kind}),
                   request, expected_seconds);
}

namespace {

// The models of one network's calibration plan, written as a deployment would have them: weights outside, mapped by
// all.
class CalibrationFiles {
 public:
  CalibrationFiles(const Network& network, const CalibrationPlan& plan, const fs::path& folder) {
    fs::create_directories(folder);
    std::vector<LayerId> all(network.layers().size());
    for (LayerId id = 0; id < all.size(); ++id) all[id] = id;
    const deploy::WeightFile weights(network, external_weights(network, all));
    write_weights(weights, folder / weights_name);
    write_parts(network, plan, folder);
    const auto write = [&](const CalibrationPlan::Chain& groups, const std::string& prefix, probes::Chain& chain) {
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const std::string name = fmt::format("{}_{}", prefix, g);
        const SubmodelRequest request{name, groups[g].layers, groups[g].inputs, groups[g].outputs,
                                      [&weights](WeightId id) { return weights.locate(id, weights_name); }};
        chain.push_back((folder / (name + ".onnx")).string());
        std::ofstream(chain.back(), std::ios::binary) << write_submodel(network, request);
      }
    };
    for (std::size_t c = 0; c < plan.chains.size(); ++c)
      write(plan.chains[c], fmt::format("chain{}", c), chains_.emplace_back());
    write(plan.alone, "alone", apart_);
  }

  const std::vector<probes::Chain>& chains() const { return chains_; }
  const probes::Chain& apart() const { return apart_; }  // the parts, then the layers alone

 private:
  static constexpr const char* weights_name = "weights.bin";
  static constexpr const char* slices_name = "slices.bin";

  void write_parts(const Network& network, const CalibrationPlan& plan, const fs::path& folder) {
    std::vector<PartModelRequest> requests;
    std::vector<WeightSlice> slices;
    for (std::size_t p = 0; p < plan.parts.size(); ++p) {
      const CalibrationPart& part = plan.parts[p];
      requests.push_back({fmt::format("part{}", p), {part.work}, part.inputs, part.outputs, {}});
      for (const WeightSlice& slice : external_slices(network, requests.back())) slices.push_back(slice);
    }
    const deploy::WeightFile weights(network, slices);
    write_weights(weights, folder / slices_name);
    for (PartModelRequest& request : requests) {
      request.locate = [&weights](const WeightSlice& slice) { return weights.locate(slice, slices_name); };
      apart_.push_back((folder / (request.name + ".onnx")).string());
      std::ofstream(apart_.back(), std::ios::binary) << write_part_model(network, request);
    }
  }

  static void write_weights(const deploy::WeightFile& weights, const fs::path& path) {
    std::ofstream file(path, std::ios::binary);
    weights.write([&file](std::span<const std::byte> bytes) {
      file.write(static_cast<const char*>(static_cast<const void*>(bytes.data())),
                 static_cast<std::streamsize>(bytes.size()));
    });
    if (!file.flush())
      throw Error(ExitCode::io, "FILE-WRITE", {path.string()}, "cannot write the weights; is the disk full?");
    settle_file(path);
  }

  std::vector<probes::Chain> chains_;
  probes::Chain apart_;
};

// Of several probes the quickest: what disturbs only ever adds time.
void take_copies(const probes::TimingReport& report, DeviceProfile& profile) {
  std::vector<CopyMeasurement> copies;
  for (const probes::CopyTime& copy : report.copies) copies.push_back({copy.bytes, copy.seconds, copy.warm_seconds});
  if (profile.copies.size() != copies.size()) profile.copies = copies;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    CopyMeasurement& kept = profile.copies[i];
    kept.seconds = std::min(kept.seconds, copies[i].seconds);
    kept.warm_seconds = std::min(kept.warm_seconds, copies[i].warm_seconds);
  }
}

NetworkTimes measure(const Network& network, const CalibrationPlan& plan, const CalibrationFiles& files, int threads,
                     const DeviceCalibration& device, double seconds, CalibrationResult& result) {
  probes::TimingRequest request;
  request.threads = threads;
  request.cpus.assign(device.cpus.begin(),
                      device.cpus.begin() + std::min<std::ptrdiff_t>(threads, std::ssize(device.cpus)));
  request.seconds = seconds;
  request.chains = files.chains();
  request.apart = files.apart();
  const auto report =
      probes::timing_report_from_json(run_probe("timing", probes::to_json(request), probes::expected_seconds(request)));
  if (report.quota) result.over_budget = std::max(result.over_budget, report.seconds / seconds);
  result.preempted = std::max(result.preempted, report.preempted);
  result.profile.noise = std::max(result.profile.noise, report.noise);
  result.profile.host.engine_version = report.engine_version;
  take_copies(report, result.profile);
  NetworkTimes times{&network, &plan, threads, {}, {}, {}};
  for (const auto& chain : report.chains) {
    auto& groups = times.chains.emplace_back();
    for (const probes::ModelTime& time : chain)
      groups.push_back({time.seconds, time.spread, static_cast<int>(time.samples)});
  }
  for (const probes::ModelTime& time : report.apart)
    (times.parts.size() < plan.parts.size() ? times.parts : times.alone)
        .push_back({time.seconds, time.spread, static_cast<int>(time.samples)});
  return times;
}

// Whole, every layer alone, in groups, the first and the last group and the stage-sized ones by themselves: what tells
// the engine's own memory, sessions, weights and activations apart.
void measure_memory(const Network& network, const CalibrationPlan& plan, const CalibrationFiles& files, int threads,
                    std::vector<MemoryObservation>& observations, double& base_bytes) {
  const auto observe = [&](std::size_t c, std::size_t first, std::size_t count) {
    const probes::Chain& chain = files.chains()[c];
    const probes::MemoryRequest request{
        threads, {chain.begin() + std::ptrdiff_t(first), chain.begin() + std::ptrdiff_t(first + count)}};
    const auto report = probes::memory_report_from_json(run_probe("memory", probes::to_json(request), 10));
    MemoryObservation observation = observe_memory(network, std::span(plan.chains[c]).subspan(first, count));
    const auto base = static_cast<double>(report.base_bytes), ports = static_cast<double>(report.port_bytes);
    observation.loaded_peak_bytes = static_cast<double>(report.loaded_peak_bytes) - base;
    observation.run_peak_bytes = static_cast<double>(report.run_peak_bytes) - base - ports;
    observations.push_back(observation);
    base_bytes = std::max(base_bytes, base);
  };
  for (const std::size_t c : {0, 1, 2}) observe(c, 0, plan.chains[c].size());
  observe(2, 0, 1);
  observe(2, plan.chains[2].size() - 1, 1);
  const std::size_t scattered = plan.chains.size() - 1;
  for (std::size_t g = 0; g < plan.chains[scattered].size(); ++g) observe(scattered, g, 1);
}

Network calibration_shapes() {
  const TempDir folder("dse-calibrate-shapes");
  const fs::path path = folder.path() / "shapes.onnx";
  zoo::make_calibration_shapes(path);
  return Network::import(path);
}

std::string now_iso8601() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

CalibrationResult calibrate_device(const std::vector<Network>& networks, const DeviceCalibration& device,
                                   const Console& console) {
  CalibrationResult result;
  std::vector<CalibrationPlan> plans;
  plans.reserve(networks.size());
  std::vector<NetworkTimes> times;
  std::vector<MemoryObservation> memory;
  double base_bytes = 0;
  // The shapes count as a network.
  const double share = device.budget_seconds / static_cast<double>((networks.size() + 1) * device.threads.size());
  const double steps = static_cast<double>(networks.size() * (device.threads.size() + 1) + device.threads.size());
  double step = 0;
  report::Progress progress(console, "measuring " + device.name);
  const Network shapes = calibration_shapes();
  const CalibrationPlan shapes_plan = plan_shapes(shapes);
  std::vector<NetworkTimes> shapes_times;
  {
    const TempDir folder("dse-calibrate");
    const CalibrationFiles files(shapes, shapes_plan, folder.path());
    for (const int threads : device.threads) {
      progress.update(step++ / steps, fmt::format("shapes, {} thread{}", threads, threads == 1 ? "" : "s"));
      shapes_times.push_back(measure(shapes, shapes_plan, files, threads, device, share, result));
    }
  }
  for (std::size_t n = 0; n < networks.size(); ++n) {
    const Network& network = networks[n];
    plans.push_back(plan_calibration(network));
    const TempDir folder("dse-calibrate");
    const CalibrationFiles files(network, plans.back(), folder.path());
    for (const int threads : device.threads) {
      progress.update(step++ / steps, fmt::format("{}, {} thread{}", network.name(), threads, threads == 1 ? "" : "s"));
      times.push_back(measure(network, plans.back(), files, threads, device, share, result));
    }
    if (n == 0 && device.power) {
      progress.update(step / steps, "power");
      result.profile.power = calibrate_power(device, files.chains().front(), console);
    }
    progress.update(step++ / steps, network.name() + ", memory");
    measure_memory(network, plans.back(), files, device.threads.back(), memory, base_bytes);
  }
  const std::string engine_version = result.profile.host.engine_version;
  result.profile.name = device.name;
  result.profile.host = this_host(engine_version);
  result.profile.created = now_iso8601();
  result.profile.memory_base_bytes = base_bytes;
  fit_memory(memory, result.profile);
  result.hold_outs = fit_times(times, shapes_times, result.profile);
  return result;
}

NetworkTimes time_network(const Network& network, const CalibrationPlan& plan, int threads,
                          const DeviceCalibration& device) {
  const TempDir folder("dse-calibrate");
  CalibrationResult unused;
  return measure(network, plan, CalibrationFiles(network, plan, folder.path()), threads, device, device.budget_seconds,
                 unused);
}

LinkCalibration calibrate_local_link(const std::string& name, const std::string& between,
                                     const std::vector<std::vector<int>>& cpus) {
  const std::string request = probes::to_json(link_request(cpus));
  return link_calibration(name, between, probes::link_report_from_json(run_ranked_probe(2, "link", request, 20)));
}

probes::LinkRequest link_request(const std::vector<std::vector<int>>& cpus) {
  probes::LinkRequest request;
  request.cpus = cpus;
  for (std::int64_t bytes = 1; bytes <= (4 << 20); bytes *= 2) request.sizes.push_back(bytes);
  return request;
}

LinkCalibration link_calibration(const std::string& name, const std::string& between,
                                 const probes::LinkReport& report) {
  LinkCalibration result;
  result.profile.name = name;
  result.profile.between = between;
  result.profile.both_ways = report.both_ways;
  result.mpi_bytes = static_cast<double>(report.mpi_bytes);
  if (report.samples.empty()) throw Error(ExitCode::device, "CALIBRATE-PROBE", "the link probe reported no times");
  for (const probes::LinkSample& sample : report.samples)
    result.profile.table.push_back({sample.bytes, sample.seconds});
  // Processor time: of the smallest message, and the slope to the largest.
  const probes::LinkSample &small = report.samples.front(), &large = report.samples.back();
  result.profile.cpu_seconds_per_message = std::max(small.cpu_seconds, report.computing_cpu_seconds);
  result.profile.cpu_seconds_per_byte =
      std::max(0.0, (large.cpu_seconds - small.cpu_seconds) / static_cast<double>(large.bytes - small.bytes));
  std::vector<WakeObservation> wakes;
  for (const probes::WakeSample& wake : report.wakes) wakes.push_back({wake.waited_seconds, wake.late_seconds});
  fit_wakes(wakes, result.profile);
  return result;
}

}  // namespace dse
