#include "dse/commands/remote_calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/error.hpp"
#include "base/process.hpp"
#include "dse/report/progress.hpp"
#include "dse/version.hpp"
#include "models/bundle.hpp"
#include "validator/launch.hpp"
#include "validator/mpirun.hpp"

namespace dse {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view alive = "measuring\n";
constexpr std::chrono::seconds alive_interval{5};

std::string shown(const RemoteHost& host) { return printable(host.name, 80); }

[[noreturn]] void fail(const std::string& hosts, const std::string& why) {
  throw Error(ExitCode::device, "CALIBRATE-REMOTE", hosts + ": " + why);
}

std::string hostfile_line(const RemoteHost& host, std::size_t slots) {
  return fmt::format("{}{} slots={}\n", host.name, host.user.empty() ? "" : " username=" + host.user, slots);
}

// One run of mpirun, with files of its own.
class Job {
 public:
  Job(const std::string& hostfile, std::size_t ranks, const std::vector<std::string>& program) {
    write_file(folder_.path() / "hosts", hostfile);
    std::vector<std::string> words{"--mca",
                                   "orte_tmpdir_base",
                                   folder_.path().string(),
                                   "--hostfile",
                                   (folder_.path() / "hosts").string(),
                                   "--map-by",
                                   "node",
                                   "--bind-to",
                                   "none",
                                   "-np",
                                   std::to_string(ranks)};
    words.insert(words.end(), program.begin(), program.end());
    options_ = validator::mpirun_process(words);
    options_.cancelled = [] { return interrupted(); };
  }

  void set_input(const std::string& bytes) {
    write_file(folder_.path() / "input", bytes);
    options_.input = (folder_.path() / "input").string();
  }
  ProcessOptions& options() { return options_; }

  // Its output. hosts: whom an error is about.
  ProcessResult run(const std::string& hosts) {
    ProcessResult result = run_process(options_);
    if (interrupted()) throw Error(ExitCode::interrupted, "INTERRUPTED", "interrupted; nothing was written");
    if (result.timed_out) fail(hosts, "no end in time");
    if (result.exit_code != 0 && !result.cancelled)
      fail(hosts, validator::failure_reason(result.errors, result.exit_code, {}));
    return result;
  }

 private:
  TempDir folder_{"dse-calibrate-remote"};
  ProcessOptions options_;
};

// What the host's dse said to a user who was not there.
void pass_on(const std::string& host, const std::string& errors, const Console& console) {
  std::istringstream lines(errors);
  for (std::string line; std::getline(lines, line);) {
    constexpr std::string_view warning = "warning: ", note = "note: ";
    if (line.starts_with(warning)) console.warn(host + ": " + printable(line.substr(warning.size()), 400));
    if (line.starts_with(note)) console.note(host + ": " + printable(line.substr(note.size()), 400));
  }
}

// Says now and then that this process is there.
class Heartbeat {
 public:
  explicit Heartbeat(std::ostream& out) : thread_([this, &out] { beat(out); }) {}
  ~Heartbeat() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  void beat(std::ostream& out) {
    std::unique_lock lock(mutex_);
    while (!ended_) {
      out << alive << std::flush;
      changed_.wait_for(lock, alive_interval, [this] { return ended_; });
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace

void RemoteCalibration::check(const RemoteHost& host) const {
  Job job(hostfile_line(host, 1), 1, {program_, "--version"});
  job.options().deadline = std::chrono::seconds(60);
  const std::string said = job.run("host '" + shown(host) + "'").output;
  if (said.find("dse " + version_text()) == std::string::npos)
    fail("host '" + shown(host) + "'",
         fmt::format("{} there is '{}', here is dse {}; install the same version", printable(program_, 200),
                     printable(said.substr(0, said.find('\n')), 100), version_text()));
}

HostReport RemoteCalibration::calibrate(const RemoteHost& host, const HostRequest& request, const std::string& bundle,
                                        const Console& console) const {
  const std::string name = "host '" + shown(host) + "'";
  Job job(hostfile_line(host, 1), 1, {program_, "calibrate", "--serve"});
  job.set_input(to_json(request) + "\n" + bundle);
  // A processor quota stretches what is measured by any factor: what counts is that the host is heard of.
  job.options().deadline = std::chrono::hours(24);
  job.options().output_cap = 256u << 20;
  const auto started = Clock::now();
  auto heard = started;
  job.options().on_output = [&heard](std::string_view) { heard = Clock::now(); };
  report::Progress progress(console, "measuring " + name);
  // Beside the budget: loading, memory, power, two workers together.
  const double expected = 45 + 1.5 * request.budget_seconds;
  bool silent = false;
  job.options().cancelled = [&] {
    progress.update(std::min(0.99, std::chrono::duration<double>(Clock::now() - started).count() / expected), "");
    silent = Clock::now() - heard > patience_;
    return silent || interrupted();
  };
  const ProcessResult result = job.run(name);
  if (silent) fail(name, fmt::format("nothing was heard of it for {} s", patience_.count()));
  pass_on(name, result.errors, console);
  const std::size_t report = result.output.find('{');
  if (report == std::string::npos) fail(name, "ended without a report");
  try {
    return host_report_from_json(result.output.substr(report));
  } catch (const Error& error) {
    fail(name, "sent what is no report: " + error.message());
  }
}

LinkCalibration RemoteCalibration::calibrate_link(const std::string& name, const RemoteHost& first,
                                                  const RemoteHost& second) const {
  const std::string probe = (fs::path(program_).parent_path() / "dse-probe").string();
  const std::string hosts =
      first == second ? hostfile_line(first, 2) : hostfile_line(first, 1) + hostfile_line(second, 1);
  Job job(hosts, 2, {probe, "link", probes::to_json(link_request({}))});
  job.options().deadline = std::chrono::seconds(180);
  const std::string between = shown(first) + "," + shown(second);
  LinkCalibration result =
      link_calibration(name, between, probes::link_report_from_json(job.run("hosts " + between).output));
  // Figures from elsewhere pass the door that a file's do.
  result.profile = parse_link_profile(to_yaml(result.profile), "hosts " + between);
  return result;
}

int serve_calibration(Console& console) {
  std::string line;
  if (!std::getline(std::cin, line))
    throw Error(ExitCode::usage, "CALIBRATE-SERVE", "standard input is empty; 'dse calibrate --platform' writes to it");
  const HostRequest request = host_request_from_json(line);
  const std::string bundle{std::istreambuf_iterator<char>(std::cin), {}};
  HostReport report;
  {
    const Heartbeat heartbeat(console.out);
    const TempDir folder("dse-calibrate-served");
    report = calibrate_host(read_bundle(bundle, folder.path()), request, console);
  }
  console.out << to_json(report) << std::endl;
  return 0;
}

}  // namespace dse
