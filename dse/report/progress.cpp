#include "dse/report/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace dse::report {
namespace {

std::string duration(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string progress_text(std::string_view label, double done, double elapsed_seconds, std::string_view detail) {
  std::string text(label);
  const double share = std::min(done, 1.0);
  if (done >= 0) text += fmt::format(" {:.0f} %", share * 100);
  if (!detail.empty()) text += fmt::format(" ({})", printable(detail));
  // Nothing can be said of the rest before a hundredth of the way.
  if (done >= 0.01) text += fmt::format(", {} left", duration(elapsed_seconds / share * (1 - share)));
  return text;
}

Progress::Progress(const Console& console, std::string label)
    : console_(console), label_(std::move(label)), active_(console.progress && !console.quiet) {}

Progress::~Progress() {
  if (shown_) console_.err << "\r\x1b[K" << std::flush;
}

void Progress::update(double done, std::string_view detail) {
  const Clock::time_point now = Clock::now();
  if (!active_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  shown_ = true;
  const double elapsed = std::chrono::duration<double>(now - started_).count();
  console_.err << "\r" << progress_text(label_, done, elapsed, detail) << "\x1b[K" << std::flush;
}

}  // namespace dse::report
