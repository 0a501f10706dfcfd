#include "runtime/watchdog.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.hpp"

namespace dse::runtime {

Watchdog::Watchdog(std::string who) : who_(std::move(who)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::arm(double seconds, std::string what, const std::atomic<std::uint64_t>* progress) {
  {
    const std::scoped_lock lock(mutex_);
    armed_ = true;
    seconds_ = seconds;
    what_ = std::move(what);
    progress_ = progress;
    start_again();
  }
  changed_.notify_one();
}

void Watchdog::start_again() {
  seen_ = progress_ != nullptr ? progress_->load(std::memory_order_relaxed) : 0;
  until_ = std::chrono::steady_clock::now() +
           std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds_));
}

void Watchdog::rest() {
  const std::scoped_lock lock(mutex_);
  armed_ = false;
  progress_ = nullptr;
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (!armed_) {
      changed_.wait(lock);
      continue;
    }
    if (std::chrono::steady_clock::now() < until_) {
      changed_.wait_until(lock, until_);
      continue;
    }
    if (progress_ != nullptr && progress_->load(std::memory_order_relaxed) != seen_) {
      start_again();
      continue;
    }
    const std::string line =
        fmt::format("{}: error[WORKER-DEADLINE]: {} took longer than {:.3g} s\n", who_, what_, seconds_);
    // Nothing can be unwound: another thread may be inside MPI or the engine for good.
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) ::_exit(static_cast<int>(ExitCode::io));
    ::_exit(static_cast<int>(ExitCode::deadline));
  }
}

void die_with_parent() {
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(static_cast<int>(ExitCode::device));
}

}  // namespace dse::runtime
