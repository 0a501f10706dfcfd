// Child processes: argv only (no shell), their own process group, a deadline, capped output, killed with their parent.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dse {

struct ProcessOptions {
  std::vector<std::string> argv;                    // argv[0] is an absolute path, or looked up in PATH
  std::vector<std::string> set_environment;         // "NAME=value", on top of the inherited environment
  std::vector<std::string> drop_environment;        // prefixes of names that the child does not inherit ("OMPI_")
  std::string working_folder;                       // empty: the parent's
  std::string input;                                // a file that is the child's stdin; empty: it reads nothing
  bool ignore_broken_pipes = false;                 // SIGPIPE, also of what the child starts
  std::chrono::milliseconds deadline{60'000};       // then the whole group is killed
  std::size_t output_cap = 16u << 20;               // per stream; what comes after is dropped
  std::uint64_t address_space = 0;                  // RLIMIT_AS in bytes, 0: no limit
  std::uint64_t cpu_seconds = 0;                    // RLIMIT_CPU, 0: no limit
  std::function<void(std::string_view)> on_output;  // each piece of stdout as it comes
  std::function<bool()> cancelled;                  // polled about every 20 ms; true kills the group
};

struct ProcessResult {
  int exit_code = -1;  // 128 + signal where a signal ended it
  int signal = 0;
  bool timed_out = false;
  bool cancelled = false;
  std::string output;  // stdout
  std::string errors;  // stderr
  double seconds = 0;
  std::uint64_t peak_resident_bytes = 0;  // of the child itself (ru_maxrss)
};

// Starts, waits, and on the way out kills whatever is left of the child's process group.
// Throws Error(io, PROCESS-START) when the program cannot be started.
ProcessResult run_process(const ProcessOptions& options);

}  // namespace dse
