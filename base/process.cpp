#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace dse {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> child_environment(const ProcessOptions& options) {
  std::vector<std::string> result;
  const auto overridden = [&](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('='));
    const auto same_name = [&](std::string_view set) { return set.substr(0, set.find('=')) == name; };
    const auto dropped = [&](const std::string& prefix) { return name.starts_with(prefix); };
    return std::any_of(options.set_environment.begin(), options.set_environment.end(), same_name) ||
           std::any_of(options.drop_environment.begin(), options.drop_environment.end(), dropped);
  };
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!overridden(*entry)) result.emplace_back(*entry);
  result.insert(result.end(), options.set_environment.begin(), options.set_environment.end());
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void limit(int resource, std::uint64_t value) {
  if (value == 0) return;
  const rlimit bound{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &bound);
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw Error(ExitCode::io, "PROCESS-START", std::string("no pipe: ") + std::strerror(errno));
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_read();
    close_write();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_read() { close_end(read_end); }
  void close_write() { close_end(write_end); }

 private:
  static void close_end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

[[noreturn]] void fail_child(const Pipe& status) {
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(status.write_end, &error, sizeof error);
  ::_exit(127);
}

// Everything here happens after fork: only async-signal-safe calls.
[[noreturn]] void become_child(const ProcessOptions& options, char** argv, char** env, pid_t parent, Pipe& out,
                               Pipe& err, Pipe& status) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int input = ::open(options.input.empty() ? "/dev/null" : options.input.c_str(), O_RDONLY);
  if (input < 0) fail_child(status);
  ::dup2(input, STDIN_FILENO);
  ::dup2(out.write_end, STDOUT_FILENO);
  ::dup2(err.write_end, STDERR_FILENO);
  if (options.ignore_broken_pipes) ::signal(SIGPIPE, SIG_IGN);
  limit(RLIMIT_AS, options.address_space);
  limit(RLIMIT_CPU, options.cpu_seconds);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (options.working_folder.empty() || ::chdir(options.working_folder.c_str()) == 0) ::execvpe(argv[0], argv, env);
  fail_child(status);
}

// Appends what is there to `sink` up to the cap; false at end of file.
bool drain(int fd, std::string& sink, std::size_t cap, const std::function<void(std::string_view)>& on_output) {
  char buffer[65536];
  const ssize_t count = ::read(fd, buffer, sizeof buffer);
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  if (count == 0) return false;
  const std::string_view piece(buffer, static_cast<std::size_t>(count));
  if (sink.size() < cap) sink.append(piece.substr(0, cap - sink.size()));
  if (on_output) on_output(piece);
  return true;
}

class Watch {
 public:
  Watch(const ProcessOptions& options, pid_t pid, ProcessResult& result)
      : options_(options), pid_(pid), result_(result) {}

  void run(Pipe& out, Pipe& err) {
    bool out_open = true;
    bool err_open = true;
    while (true) {
      pollfd fds[2] = {{out_open ? out.read_end : -1, POLLIN, 0}, {err_open ? err.read_end : -1, POLLIN, 0}};
      ::poll(fds, 2, 20);
      if ((fds[0].revents & (POLLIN | POLLHUP)) != 0)
        out_open = drain(out.read_end, result_.output, options_.output_cap, options_.on_output);
      if ((fds[1].revents & (POLLIN | POLLHUP)) != 0)
        err_open = drain(err.read_end, result_.errors, options_.output_cap, {});
      if (!reaped_) try_reap();
      // A grandchild may keep the pipes open after the child itself has gone: what is left of the group is killed
      // first.
      if (reaped_) {
        if (!out_open && !err_open) return;
        if (!group_killed_)
          kill_group();
        else if (Clock::now() > reaped_at_ + std::chrono::seconds(1))
          return;
        continue;
      }
      if (!result_.timed_out && Clock::now() > started_ + options_.deadline) {
        result_.timed_out = true;
        kill_group();
      }
      if (!result_.cancelled && !result_.timed_out && options_.cancelled && options_.cancelled()) {
        result_.cancelled = true;
        kill_group();
      }
    }
  }

 private:
  void kill_group() {
    ::kill(-pid_, SIGKILL);
    group_killed_ = true;
  }

  void try_reap() {
    int status = 0;
    rusage usage{};
    if (::wait4(pid_, &status, WNOHANG, &usage) != pid_) return;
    reaped_ = true;
    reaped_at_ = Clock::now();
    group_killed_ = false;
    result_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result_.exit_code = WIFSIGNALED(status) ? 128 + result_.signal : WEXITSTATUS(status);
    result_.peak_resident_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    result_.seconds = std::chrono::duration<double>(reaped_at_ - started_).count();
  }

  const ProcessOptions& options_;
  pid_t pid_;
  ProcessResult& result_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point reaped_at_{};
  bool reaped_ = false;
  bool group_killed_ = false;
};

}  // namespace

ProcessResult run_process(const ProcessOptions& options) {
  if (options.argv.empty()) throw Error(ExitCode::internal, "PROCESS-START", "no program was named");
  std::vector<std::string> arguments = options.argv;
  std::vector<std::string> environment = child_environment(options);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> env = pointers(environment);
  Pipe out;
  Pipe err;
  Pipe status;
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw Error(ExitCode::io, "PROCESS-START", std::string("fork failed: ") + std::strerror(errno));
  if (pid == 0)
    become_child(options, const_cast<char**>(argv.data()), const_cast<char**>(env.data()), parent, out, err, status);
  ::setpgid(pid, pid);
  out.close_write();
  err.close_write();
  status.close_write();
  int start_error = 0;
  if (::read(status.read_end, &start_error, sizeof start_error) == static_cast<ssize_t>(sizeof start_error)) {
    ::waitpid(pid, nullptr, 0);
    throw Error(ExitCode::io, "PROCESS-START", {options.argv.front()},
                std::string("cannot be started: ") + std::strerror(start_error));
  }
  ProcessResult result;
  Watch(options, pid, result).run(out, err);
  return result;
}

}  // namespace dse
