// A meter outside the device, whose program appends to a file while a network runs:
//
//   timestamp_s,watts          this line may be missing
//   1718000000.250,4.871       Unix time in seconds, never going back; watts from 0
//
// Lines end in \n or \r\n; what follows the last \n is half a line, and waits for the rest. A measurement is the
// integral by trapezoid from its start to its end, between samples by interpolation. There must be a sample at or
// before its start and at or after its end (which is waited for a little: programs write late), and as many and as
// close as check_density() asks. Where the meter's program runs on another host, both clocks must agree: every second
// that they differ is a second of other work that is measured.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/decimal.hpp"
#include "runtime/power_kinds.hpp"

namespace dse::runtime {
namespace {

constexpr double patience_s = 5, look_again_s = 0.02;
constexpr std::size_t longest_line = 256;

struct Sample {
  double time_s = 0, watts = 0;
};

std::optional<double> number(std::string_view text, double highest) {
  const std::optional<double> value = decimal(text);
  return value && *value >= 0 && *value <= highest ? value : std::nullopt;
}

std::optional<Sample> parse(std::string_view line) {
  const std::size_t comma = line.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const auto time_s = number(line.substr(0, comma), 1e11);
  const auto watts = number(line.substr(comma + 1), static_cast<double>(most_watts));
  if (!time_s || !watts) return std::nullopt;
  return Sample{*time_s, *watts};
}

// Samples of the file, as far as its program has written it.
class MeterFile {
 public:
  explicit MeterFile(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    const fs::file_status status = fs::status(path_, error);
    if (!fs::is_regular_file(status))
      throw Error(ExitCode::device, "POWER-SENSOR", {path_.string()},
                  "is not a file; the one that the meter's program appends 'timestamp_s,watts' lines to was expected");
    file_.open(path_, std::ios::binary);
    if (!file_)
      throw Error(ExitCode::device, "POWER-SENSOR", {path_.string()},
                  std::string("cannot be opened: ") + std::strerror(errno));
  }

  // Reads what was appended. Of the samples up to this time only the last is kept.
  void read(double from_s) {
    refuse_shorter();
    file_.clear();
    file_.seekg(offset_);
    std::array<char, longest_line + 2> buffer;  // with its "\r", and 0 behind it
    while (file_.getline(buffer.data(), buffer.size())) {
      if (file_.eof()) return;  // half a line
      const auto got = static_cast<std::size_t>(file_.gcount());
      offset_ += static_cast<std::streamoff>(got);
      ++line_;
      take(std::string_view(buffer.data(), got - 1), from_s);
    }
    if (!file_.eof()) refuse(line_ + 1, buffer.data());  // longer than any line of ours
  }

  const std::vector<Sample>& samples() const { return samples_; }
  const fs::path& path() const { return path_; }

 private:
  void take(std::string_view line, double from_s) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line_ == 1 && line == "timestamp_s,watts") return;
    const auto sample = parse(line);
    if (!sample) refuse(line_, line);
    if (!samples_.empty() && sample->time_s < samples_.back().time_s)
      throw Error(ExitCode::bad_input, "POWER-CSV", {path_.string(), line_},
                  fmt::format("time goes back from {} to {}", samples_.back().time_s, sample->time_s));
    if (sample->time_s <= from_s) samples_.clear();
    samples_.push_back(*sample);
  }

  [[noreturn]] void refuse(int number, std::string_view line) const {
    throw Error(ExitCode::bad_input, "POWER-CSV", {path_.string(), number},
                fmt::format("'{}' is not 'timestamp_s,watts': two decimal numbers, watts from 0 to {}",
                            printable(line, 60), most_watts));
  }

  void refuse_shorter() const {
    std::error_code error;
    const auto size = fs::file_size(path_, error);
    if (error || size < static_cast<std::uintmax_t>(offset_))
      throw Error(ExitCode::device, "POWER-SENSOR", {path_.string()},
                  "became shorter or went away during the measurement; lines may only be appended");
  }

  fs::path path_;
  std::ifstream file_;
  std::streamoff offset_ = 0;  // behind the last whole line
  int line_ = 0;               // whole lines so far
  std::vector<Sample> samples_;
};

double at(const Sample& a, const Sample& b, double time_s) {
  return a.watts + (b.watts - a.watts) * (time_s - a.time_s) / (b.time_s - a.time_s);
}

// The samples reach from before `from_s` to after `to_s`.
EnergyReading integrate(const std::vector<Sample>& samples, double from_s, double to_s) {
  EnergyReading reading;
  reading.seconds = to_s - from_s;
  for (const Sample& sample : samples)
    if (sample.time_s >= from_s && sample.time_s <= to_s) ++reading.samples;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    const Sample &a = samples[i - 1], &b = samples[i];
    const double begin_s = std::max(a.time_s, from_s), end_s = std::min(b.time_s, to_s);
    if (begin_s >= end_s) continue;
    reading.joules += (end_s - begin_s) * (at(a, b, begin_s) + at(a, b, end_s)) / 2;
    reading.longest_gap_s = std::max(reading.longest_gap_s, b.time_s - a.time_s);
  }
  return reading;
}

class CsvMeter final : public PowerSensor {
 public:
  CsvMeter(const fs::path& path, PowerClock clock)
      : PowerSensor({"csv", path.string() + ": a meter's file", {"watts"}, 0, false}),
        file_(path),
        clock_(std::move(clock)) {
    file_.read(clock_.unix_s());
  }

  void start() override {
    from_s_ = clock_.unix_s();
    file_.read(*from_s_);
  }

  std::optional<EnergyReading> stop() override {
    if (!from_s_) throw Error(ExitCode::internal, "POWER-SENSOR", "a measurement was ended that was not started");
    const double from_s = *from_s_, to_s = clock_.unix_s();
    from_s_.reset();
    wait_for(from_s, to_s);
    const std::vector<Sample>& samples = file_.samples();
    if (samples.empty() || samples.front().time_s > from_s || samples.back().time_s < to_s) uncovered(from_s, to_s);
    const EnergyReading reading = integrate(samples, from_s, to_s);
    check_density(reading, {file_.path().string()});
    return reading;
  }

 private:
  void wait_for(double from_s, double to_s) {
    const double last_s = clock_.monotonic_s() + patience_s;
    while (true) {
      file_.read(from_s);
      if (!file_.samples().empty() && file_.samples().back().time_s >= to_s) return;
      const double now_s = clock_.monotonic_s();
      if (now_s >= last_s) return;
      clock_.wait_until({}, now_s + look_again_s);
    }
  }

  [[noreturn]] void uncovered(double from_s, double to_s) const {
    const std::vector<Sample>& samples = file_.samples();
    const std::string covered = samples.empty() ? "there are no samples"
                                                : fmt::format("samples reach from {:.3f} to {:.3f}",
                                                              samples.front().time_s, samples.back().time_s);
    throw Error(ExitCode::device, "POWER-COVER", {file_.path().string()},
                fmt::format("{}, the measurement from {:.3f} to {:.3f} (Unix time, seconds): the meter's program must "
                            "run during all of it, and within {} s after, by the same clock",
                            covered, from_s, to_s, patience_s));
  }

  MeterFile file_;
  PowerClock clock_;
  std::optional<double> from_s_;  // of the measurement that runs
};

}  // namespace

std::unique_ptr<PowerSensor> open_csv_meter(const fs::path& file, const PowerClock& clock) {
  return std::make_unique<CsvMeter>(file, clock);
}

}  // namespace dse::runtime
