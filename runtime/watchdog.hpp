// Ends the process when something that should go on does not, whatever the other threads are stuck in.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace dse::runtime {

class Watchdog {
 public:
  // `who` begins the line that is printed when the time is up.
  explicit Watchdog(std::string who);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // From now on the next arm() or rest() must come within `seconds`, or `progress` (where given; it lives until then)
  // must have changed; else the process prints that `what` took longer and exits with ExitCode::deadline, which ends
  // the MPI job.
  void arm(double seconds, std::string what, const std::atomic<std::uint64_t>* progress = nullptr);
  void rest();

 private:
  void watch();
  void start_again();

  std::string who_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool armed_ = false;
  bool stop_ = false;
  double seconds_ = 0;
  std::chrono::steady_clock::time_point until_;
  std::string what_;
  const std::atomic<std::uint64_t>* progress_ = nullptr;
  std::uint64_t seen_ = 0;
  std::thread thread_;
};

// The process is killed as soon as its parent dies; at once where it has died already.
void die_with_parent();

}  // namespace dse::runtime
