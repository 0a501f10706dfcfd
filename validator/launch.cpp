#include "validator/launch.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <regex>
#include <sstream>

#include "base/process.hpp"
#include "deploy/ranks.hpp"
#include "deploy/verify.hpp"
#include "validator/mpirun.hpp"
#include "validator/orphans.hpp"

namespace dse::validator {
namespace {

// Segments of Open MPI's shared memory in a folder of their own, so that a killed run leaves none behind.
class SharedMemoryFolder {
 public:
  SharedMemoryFolder() {
    char name[] = "/dev/shm/dse-run.XXXXXX";
    if (::mkdtemp(name) != nullptr) path_ = name;
  }
  ~SharedMemoryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  SharedMemoryFolder(const SharedMemoryFolder&) = delete;
  SharedMemoryFolder& operator=(const SharedMemoryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The local cores that a rankfile names are there.
bool fits(const std::string& rankfile, int cores) {
  std::istringstream lines(rankfile);
  static const std::regex local_rank("rank [0-9]+=localhost slot=([0-9,]+)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, local_rank)) continue;
    std::istringstream slots(match[1].str());
    for (std::string slot; std::getline(slots, slot, ',');)
      if (slot.size() > 6 || std::stoi(slot) >= cores) return false;
  }
  return true;
}

struct Setting {
  deploy::PackageFacts package;  // the first
  TempDir scratch{"dse-run"};
  SharedMemoryFolder shared_memory;
  std::string mark = new_mark();
  bool pinned = true;
};

std::string package_list(const std::vector<fs::path>& packages) {
  std::string text;
  for (const fs::path& package : packages) text += fs::absolute(package).lexically_normal().string() + "\n";
  return text;
}

std::vector<std::string> command_line(const Launch& request, Setting& setting) {
  const fs::path& package = setting.package.path;
  const std::string ranks = std::to_string(setting.package.programs.deployment.devices.size());
  std::vector<std::string> argv{"--mca", "orte_tmpdir_base", setting.scratch.path().string()};
  const auto add = [&](std::initializer_list<std::string> words) { argv.insert(argv.end(), words); };
  if (!setting.shared_memory.path().empty())
    add({"--mca", "btl_vader_backing_directory", setting.shared_memory.path()});
  add({"--hostfile", (package / "hostfile").string()});
  setting.pinned = fits(read_text(package / "rankfile", 1u << 20), deploy::available_cores());
  if (setting.pinned)
    add({"--rankfile", (package / "rankfile").string()});
  else
    add({"--bind-to", "none", "--oversubscribe"});
  add({"-np", ranks, fs::absolute(request.worker).string()});
  if (request.packages.size() == 1) {
    add({"--package", package.string()});
  } else {
    write_file(setting.scratch.path() / "packages", package_list(request.packages));
    add({"--packages", (setting.scratch.path() / "packages").string()});
  }
  add({"--report", "-"});
  argv.insert(argv.end(), request.arguments.begin(), request.arguments.end());
  return argv;
}

constexpr int no_status = -1;  // of an mpirun that had to be killed

ExitCode exit_of(const ProcessResult& result) {
  if (result.cancelled) return ExitCode::interrupted;
  if (result.timed_out) return ExitCode::deadline;
  switch (result.exit_code) {
    case 0:
      return ExitCode::done;
    case 3:
      return ExitCode::bad_input;
    case 5:
      return ExitCode::io;
    case 8:
      return ExitCode::deadline;
    case 9:
      return ExitCode::mismatch;
    default:
      return ExitCode::device;
  }
}

// The first line of a worker's own words, without its "dse-worker: " or path.
std::string worker_line(const std::string& errors) {
  std::istringstream lines(errors);
  for (std::string line; std::getline(lines, line);)
    if (line.find("error[") != std::string::npos) return printable(line, 400);
  return "";
}

std::string rank_name(const std::string& digits, const std::vector<std::string>& devices) {
  const std::size_t rank = digits.size() < 6 ? std::stoul(digits) : devices.size();
  if (rank >= devices.size()) return "rank " + digits;
  return fmt::format("device {} (rank {})", printable(devices[rank], 60), rank);
}

// Notices what mpirun does not: a rank that is stopped, which never ends by itself and where it is the only one is
// missed by nobody; and that all ranks of this machine have ended while mpirun goes on (PMIx 4.2's server can lock
// itself up at its own end, where a rank was killed while it started).
class RankWatch {
 public:
  RankWatch(const std::string& mark, const std::vector<std::string>& devices) : mark_(mark), devices_(devices) {}

  // True once the run must be killed.
  bool poll() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + (seen_ ? interval : first_interval);
    return is_stopped(now) || is_left_alone(now);
  }
  // Who was stopped; empty where nobody was.
  const std::string& who() const { return who_; }
  bool left_alone() const { return left_alone_; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  bool is_stopped(Time now) {
    const std::vector<pid_t> found = stopped(mark_);
    if (found.empty()) stopped_since_ = now;
    if (now - stopped_since_ < patience) return false;
    const std::string rank = environment_of(found.front(), rank_variable);
    who_ = rank.empty() ? "mpirun" : rank_name(rank, devices_);
    return true;
  }

  bool is_left_alone(Time now) {
    const std::vector<pid_t> living = marked(mark_);
    // Ranks of other machines are not seen, but the ssh that holds each of them is: it has the mark, and no rank.
    const bool works = living.size() > 1;
    seen_ = seen_ || works;
    if (works) alone_since_ = now;
    left_alone_ = now - alone_since_ >= (seen_ ? ending : starting);
    return left_alone_;
  }

  static constexpr const char* rank_variable = "OMPI_COMM_WORLD_RANK";
  static constexpr std::chrono::milliseconds interval{1000}, first_interval{100};
  static constexpr std::chrono::seconds patience{5}, ending{10}, starting{20};
  const std::string& mark_;
  const std::vector<std::string>& devices_;
  Time next_ = std::chrono::steady_clock::now() + first_interval;
  Time stopped_since_ = next_, alone_since_ = next_;
  bool seen_ = false;  // more than mpirun alone
  bool left_alone_ = false;
  std::string who_;
};

ProcessOptions process_options(const Launch& request, Setting& setting) {
  ProcessOptions options = mpirun_process(command_line(request, setting));
  options.set_environment.push_back(setting.mark);
  options.deadline = request.deadline;
  return options;
}

std::string failure_of(const Launch& request, const ProcessResult& result, ExitCode exit,
                       const std::vector<std::string>& devices) {
  if (exit == ExitCode::done) return "";
  if (result.cancelled) return "interrupted";
  if (result.timed_out)
    return fmt::format("no end within {:.0f} s: mpirun and its ranks were killed",
                       static_cast<double>(request.deadline.count()) / 1000);
  if (result.signal != 0)
    return fmt::format("mpirun: killed by signal {} ({})", result.signal, ::strsignal(result.signal));
  return failure_reason(result.errors, result.exit_code, devices);
}

}  // namespace

fs::path find_worker(const std::string& named) {
  const char* variable = std::getenv("DSE_WORKER");
  fs::path found;
  if (!named.empty())
    found = fs::absolute(named);
  else if (variable != nullptr && *variable != '\0')
    found = fs::absolute(variable);
  else if (executable(executable_folder() / "dse-worker"))
    found = executable_folder() / "dse-worker";
  else
    found = in_path("dse-worker");
  if (!executable(found))
    throw Error(ExitCode::device, "LAUNCH-WORKER", {found.string()},
                "dse-worker cannot be executed there; name it with --program or DSE_WORKER");
  return found;
}

std::string failure_reason(const std::string& errors, int status, const std::vector<std::string>& devices) {
  static const std::regex by_signal(R"(process rank ([0-9]+) with PID [0-9]+ on node \S+ exited on signal ([0-9]+))");
  static const std::regex by_code(R"(Process name: \[\[[0-9]+,[0-9]+\],([0-9]+)\]\s+Exit code:\s+([0-9]+))");
  std::smatch match;
  if (std::regex_search(errors, match, by_signal)) {
    const std::string digits = match[2].str();
    const int number = digits.size() < 4 ? std::stoi(digits) : 0;
    return fmt::format("{}: killed by signal {} ({})", rank_name(match[1].str(), devices), digits, ::strsignal(number));
  }
  std::string line = worker_line(errors);
  if (std::regex_search(errors, match, by_code)) {
    const std::string who = rank_name(match[1].str(), devices);
    return line.empty() ? fmt::format("{}: ended with exit code {}", who, match[2].str())
                        : fmt::format("{}: {}", who, line);
  }
  if (!line.empty()) return line;
  // Where several ranks die at once, or before MPI is up, mpirun tells only by its own status that it was a signal.
  if (status == no_status) return "all ranks ended without a word, and mpirun did not end";
  if (status > 128 && status < 128 + _NSIG)
    return fmt::format("a worker was killed by signal {} ({})", status - 128, ::strsignal(status - 128));
  std::istringstream lines(errors);
  for (std::string text; std::getline(lines, text);)
    if (text.find_first_not_of("- \t\r") != std::string::npos)
      return fmt::format("mpirun ended with status {}: {}", status, printable(text, 200));
  return fmt::format("mpirun ended with status {}", status);
}

Outcome launch(const Launch& request) {
  if (request.packages.empty()) throw Error(ExitCode::internal, "LAUNCH-EMPTY", "no package to run");
  Setting setting{deploy::read_package(request.packages.front()), TempDir("dse-run"), {}, new_mark(), true};
  const std::vector<std::string>& devices = setting.package.programs.deployment.devices;
  RankWatch ranks(setting.mark, devices);
  ProcessOptions options = process_options(request, setting);
  options.cancelled = [&] { return (request.cancelled && request.cancelled()) || ranks.poll(); };
  const ProcessResult result = run_process(options);
  // mpirun puts its ranks into process groups of their own: killing its group does not reach them.
  const bool swept = sweep(setting.mark);
  Outcome outcome{exit_of(result), "", result.output, setting.pinned, result.seconds};
  if (!ranks.who().empty()) {
    outcome.exit = ExitCode::deadline;
    outcome.failure = ranks.who() + ": stopped (SIGSTOP) and not continued: mpirun and its ranks were killed";
  } else if (ranks.left_alone()) {
    outcome.exit = ExitCode::device;
    outcome.failure = failure_reason(result.errors, no_status, devices);
  } else {
    outcome.failure = failure_of(request, result, outcome.exit, devices);
  }
  if (!swept)
    outcome.failure += outcome.failure.empty() ? "a rank could not be killed" : "; a rank could not be killed";
  return outcome;
}

}  // namespace dse::validator
