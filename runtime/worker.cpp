#include "runtime/worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "runtime/executor.hpp"
#include "runtime/mpi_transport.hpp"
#include "runtime/process_facts.hpp"

namespace dse::runtime {
namespace {

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string text_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an unknown failure";
  }
}

ExitCode code_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return error.exit();
  } catch (...) {
    return ExitCode::internal;
  }
}

std::size_t total_frames(const Package& package, const WorkerOptions& options) {
  const std::size_t golden = package.manifest.golden.frames.size();
  return options.frames ? *options.frames : std::max<std::size_t>(1, 2 * golden);
}

// By default the frames that fill the pipeline, at most half of all.
std::size_t warmup_frames(const Package& package, const WorkerOptions& options) {
  const std::size_t frames = total_frames(package, options);
  if (options.warmup) return std::min(*options.warmup, frames - 1);
  std::size_t inside = 0;
  for (const program::Replica& replica : package.set.deployment.replicas)
    inside += options.in_flight ? *options.in_flight : replica.frames_in_flight;
  return std::min(inside, frames / 2);
}

}  // namespace

struct Worker::Loaded {
  bool active = false;  // this rank has a device
  std::unique_ptr<SessionRunner> runner;
  std::unique_ptr<FrameSource> source;
  std::unique_ptr<OutputFiles> sink;
  std::unique_ptr<CutCheck> cuts;
  std::optional<EnergyMeter> meter;  // of the lowest rank on a host
  DevicePart part;
};

Worker::Worker(MpiSession& session, Watchdog& watchdog, const WorkerOptions& options)
    : session_(session), watchdog_(watchdog), options_(options), hosts_(session.gather_all(host_identity())) {}

int Worker::run() {
  int code = 0;
  for (const fs::path& folder : options_.packages)
    if (const int result = run_package(folder); result != 0) code = result;
  watchdog_.rest();
  if (session_.rank() == 0) write_report();
  return code;
}

int Worker::run_package(const fs::path& folder) {
  if (options_.list) reset_peak();
  watchdog_.arm(start_deadline(0), "reading the package");
  int code = 0;
  std::optional<Package> package;
  std::exception_ptr failure;
  try {
    package = read_package(folder);
    const std::size_t devices = package->set.programs.size();
    if (static_cast<std::size_t>(session_.size()) < devices)
      throw Error(ExitCode::usage, "WORKER-RANKS", {folder.string()},
                  fmt::format("has {} devices and needs as many ranks; mpirun started {}", devices, session_.size()));
  } catch (...) {
    failure = std::current_exception();
  }
  if (!agreed(failure, folder, code)) return code;

  Loaded loaded;
  try {
    loaded = load(*package);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!agreed(failure, folder, code)) return code;

  run_frames(*package, loaded);
  const RunFacts run_facts = facts(*package);
  std::vector<std::string> parts =
      session_.gather(loaded.active ? to_json(loaded.part, *package, run_facts.frames - run_facts.warmup) : "");
  bool wrong = false;
  if (session_.rank() == 0) {
    parts.resize(package->set.programs.size());
    reports_.push_back(whole_report(*package, run_facts, parts));
    wrong = reports_.back().wrong;
  }
  return session_.largest(wrong ? static_cast<int>(ExitCode::mismatch) : 0);
}

Worker::Loaded Worker::load(const Package& package) {
  const Clock::time_point start = Clock::now();
  Loaded loaded;
  const auto device = static_cast<std::size_t>(session_.rank());
  loaded.active = device < package.set.programs.size();
  if (!loaded.active) return loaded;
  watchdog_.arm(start_deadline(model_bytes(package, device)), "loading the models");
  const program::Program& program = package.set.programs[device];
  engine::EngineOptions engine_options;
  engine_options.threads = options_.threads.value_or(program.threads);
  const engine::Engine& engine = engine::Engine::instance(engine_options);
  loaded.runner = std::make_unique<SessionRunner>(program, load_sessions(package, device, engine));
  const auto has = [&](program::StepKind kind) {
    return std::any_of(program.lanes.begin(), program.lanes.end(), [&](const program::Lane& lane) {
      return std::any_of(lane.steps.begin(), lane.steps.end(),
                         [&](const program::Step& step) { return step.kind == kind; });
    });
  };
  if (has(program::StepKind::input))
    loaded.source =
        options_.input.empty() ? golden_source(package) : folder_source(package.set.deployment, options_.input);
  if (has(program::StepKind::output))
    loaded.sink = std::make_unique<OutputFiles>(package, options_.check, options_.output);
  if (options_.verify_cuts) loaded.cuts = std::make_unique<CutCheck>(package);
  open_meter(package, loaded);
  trim_heap();
  loaded.part.device = device;
  loaded.part.threads = engine.threads();
  loaded.part.memory_loaded_bytes = resident_bytes();
  loaded.part.load_s = seconds_since(start);
  return loaded;
}

// A sensor sees the whole host: of the ranks there one reads it, and says for whom.
void Worker::open_meter(const Package& package, Loaded& loaded) const {
  const auto rank = static_cast<std::size_t>(session_.rank());
  const std::vector<std::size_t> beside = ranks_beside(rank, package.set.programs.size(), hosts_);
  if (beside.front() == rank)
    loaded.meter.emplace(PowerSensorOptions{options_.power_sensor, options_.power_root, PowerClock::real()}, beside);
}

namespace {

// For ranks that have no frames of their own: the executor asks for both, and uses neither.
class NoSource : public FrameSource {
 public:
  std::span<const std::byte> input(std::size_t, std::size_t) override { return {}; }
};
class NoSink : public FrameSink {
 public:
  void take(std::size_t, std::span<const std::span<const std::byte>>) override {}
};

}  // namespace

void Worker::run_frames(const Package& package, Loaded& loaded) {
  const program::Deployment& deployment = package.set.deployment;
  const int devices = static_cast<int>(package.set.programs.size());
  watchdog_.arm(start_deadline(0), "waiting for the other devices to be ready");
  session_.barrier();
  loaded.part.offset_before_s = session_.clock_offset(devices);

  ExecutorOptions run;
  run.frames = total_frames(package, options_);
  run.warmup = warmup_frames(package, options_);
  run.in_flight = options_.in_flight.value_or(0);
  run.trace = options_.trace;
  run.deadline_s = options_.deadline_s.value_or(progress_deadline(package.manifest.estimate));
  run.expected_period_s = package.manifest.estimate.period_s;
  std::atomic<std::uint64_t> finished{0};
  run.finished_frames = &finished;
  if (loaded.cuts) run.observer = [&](const FinishedStep& step) { loaded.cuts->look(step); };
  if (loaded.meter) run.warm = [&] { loaded.meter->start(); };

  session_.barrier();
  run.epoch = Clock::now();
  loaded.part.epoch_s = std::chrono::duration<double>(run.epoch.time_since_epoch()).count();
  if (loaded.active) {
    const program::Program& program = package.set.programs[loaded.part.device];
    // The executor's own deadline says more; this one also sees a step that never ends.
    watchdog_.arm(local_deadline(program, deployment, run) + 2, "a frame", &finished);
    NoSource no_source;
    NoSink no_sink;
    FrameSource& source = loaded.source ? *loaded.source : static_cast<FrameSource&>(no_source);
    FrameSink& sink = loaded.sink ? *loaded.sink : static_cast<FrameSink&>(no_sink);
    MpiTransport transport(options_.wait.value_or(package.manifest.wait),
                           deployment.transfers + deployment.replicas.size());
    std::exception_ptr failure;
    std::thread compute([&] {
      try {
        loaded.part.run = execute(program, deployment, *loaded.runner, transport, source, sink, run);
        if (loaded.meter) {
          watchdog_.arm(60, "reading the power sensor");  // a meter's file may be written late
          loaded.meter->stop();
        }
        transport.close();
      } catch (...) {
        failure = std::current_exception();
      }
    });
    transport.serve();
    compute.join();
    if (failure) give_up(failure);
    loaded.part.communication_cpu_s = transport.cpu_seconds() / static_cast<double>(run.frames);
    if (loaded.sink) loaded.part.outputs = loaded.sink->checks();
    if (loaded.cuts) loaded.part.cuts = loaded.cuts->results();
    if (loaded.meter) loaded.part.energy = loaded.meter->result();
  }
  // The others may have frames left: about as long as this device needed is granted, and each of them watches itself.
  watchdog_.arm(
      60 + run.deadline_s + 2 * seconds_since(run.epoch) + 5 * run.expected_period_s * static_cast<double>(run.frames),
      "waiting for the other devices to finish");
  session_.barrier();
  loaded.part.offset_after_s = session_.clock_offset(devices);
  loaded.part.memory_bytes = peak_resident_bytes();
}

RunFacts Worker::facts(const Package& package) const {
  RunFacts result;
  result.tool_version = DSE_VERSION;
  result.engine_version = engine::Engine::started() ? engine::Engine::instance().version() : "";
  result.mpi_version = MpiSession::version();
  result.wait = program::to_string(options_.wait.value_or(package.manifest.wait));
  result.frames = total_frames(package, options_);
  result.warmup = warmup_frames(package, options_);
  result.in_flight = options_.in_flight.value_or(0);
  result.checked = options_.check;
  result.trace = options_.trace;
  return result;
}

bool Worker::agreed(const std::exception_ptr& failure, const fs::path& folder, int& code) {
  const int mine = failure ? static_cast<int>(code_of(failure)) : 0;
  code = session_.largest(mine);
  if (code == 0) return true;
  const std::vector<std::string> texts = session_.gather(failure ? text_of(failure) : "");
  if (session_.rank() != 0) return false;
  const auto first = std::find_if(texts.begin(), texts.end(), [](const std::string& text) { return !text.empty(); });
  const std::string text = fmt::format("rank {}: {}", first - texts.begin(), *first);
  std::fputs(("dse-worker: " + printable(text, 2000) + "\n").c_str(), stderr);
  reports_.push_back(failure_report(folder.string(), code, printable(text, 2000)));
  return false;
}

void Worker::give_up(const std::exception_ptr& failure) {
  const int code = print_failure(session_.rank(), failure);
  MpiSession::abort(code);
}

void Worker::write_report() const {
  const std::string text = join_reports(reports_, options_.list);
  if (options_.report == "-") {
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
      throw Error(ExitCode::io, "FILE-WRITE", "standard output cannot be written");
    return;
  }
  if (!options_.report.empty()) write_file(options_.report, text);
  for (std::size_t i = 0; i < reports_.size(); ++i)
    std::fputs(
        (options_.list ? options_.packages[i].string() + ": " + reports_[i].summary : reports_[i].summary).c_str(),
        stdout);
  std::fflush(stdout);
}

int print_failure(int rank, const std::exception_ptr& failure) {
  std::fputs(fmt::format("dse-worker: rank {}: {}\n", rank, printable(text_of(failure), 2000)).c_str(), stderr);
  std::fflush(stderr);
  return static_cast<int>(code_of(failure));
}

std::string versions_json() {
  nlohmann::ordered_json engine = nullptr;
  try {
    engine = engine::Engine::instance().version();
  } catch (const Error& error) {
    std::fputs(fmt::format("dse-worker: {}\n", error.what()).c_str(), stderr);
  }
  const nlohmann::ordered_json versions{{"tool", DSE_VERSION},
                                        {"package", program::Manifest::current_format},
                                        {"engine", engine},
                                        {"mpi", MpiSession::version()}};
  return versions.dump() + "\n";
}

}  // namespace dse::runtime
