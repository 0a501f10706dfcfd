// The progress line of a long command: on a terminal only, rewritten in place, with the time that is left.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "dse/command.hpp"

namespace dse::report {

class Progress {
 public:
  // `label` begins the line: "exploring". Silent with --quiet or where standard error is no terminal.
  Progress(const Console& console, std::string label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // done: 0..1, below 0 where unknown (then no percentage and no ETA); drawn at most ten times a second.
  void update(double done, std::string_view detail);

 private:
  using Clock = std::chrono::steady_clock;
  const Console& console_;
  std::string label_;
  bool shown_ = false;
  bool active_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point drawn_{};
};

// The text of the line, without the terminal's control characters: "exploring 40 % (1,200 of 3,000), 12 s left".
std::string progress_text(std::string_view label, double done, double elapsed_seconds, std::string_view detail);

}  // namespace dse::report
