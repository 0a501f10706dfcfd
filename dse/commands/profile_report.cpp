#include "dse/commands/profile_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "dse/commands/platform_warnings.hpp"
#include "dse/report/table.hpp"
#include "models/network.hpp"
#include "platform/platform.hpp"

namespace dse {
namespace {

using report::Cell;
using report::Column;
using report::Quantity;

constexpr int no_threads = 0;

struct ShownProfile {
  std::vector<std::string> devices;  // of a platform, that share it
  const DeviceProfile* profile = nullptr;
  int cores = 1;
};

std::vector<std::string> class_names() {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(OperatorClass::other); ++i)
    names.emplace_back(to_string(static_cast<OperatorClass>(i)));
  return names;
}

// All thread counts up to here are told, and beyond only those that were measured, and all cores.
constexpr int always_told = 16;

// A profile's kernels, counted once.
class Known {
 public:
  explicit Known(const ShownProfile& of) : profile_(*of.profile), counts_{of.cores} {
    for (int threads = 1; threads <= std::min(of.cores, always_told); ++threads) counts_.insert(threads);
    for (const KernelMeasurement& kernel : profile_.kernels) ++kernels_[{kernel.op_class, kernel.threads}];
    for (const auto& [key, count] : kernels_) counts_.insert(key.second);
    for (const ClassModel& model : profile_.classes) counts_.insert(model.threads);
    for (const Correction& correction : profile_.corrections.statistics) counts_.insert(correction.threads);
  }

  const DeviceProfile& profile() const { return profile_; }
  const std::set<int>& thread_counts() const { return counts_; }
  std::int64_t kernels(const std::string& op_class, int threads) const {
    const auto found = kernels_.find({op_class, threads});
    return found == kernels_.end() ? 0 : found->second;
  }
  // Of the class itself or of "other", as the estimator takes it.
  const ClassModel* model(const std::string& op_class, int threads) const {
    const ClassModel* model = profile_.class_model(op_class, threads);
    return model != nullptr && model->threads == threads ? model : nullptr;
  }
  // Where the time of a layer comes from that was not itself measured, in the words of the table.
  std::string source(const std::string& op_class, int threads) const;

 private:
  // What a missing thread count is estimated from: the next lower one with a kernel of the class, else with a model.
  int extrapolated_from(const std::string& op_class, int threads) const;

  const DeviceProfile& profile_;
  std::map<std::pair<std::string, int>, std::int64_t> kernels_;
  std::set<int> counts_;
};

int Known::extrapolated_from(const std::string& op_class, int threads) const {
  const auto end = std::make_reverse_iterator(counts_.lower_bound(threads));
  const auto kernel = std::find_if(end, counts_.rend(), [&](int fewer) { return kernels(op_class, fewer) > 0; });
  if (kernel != counts_.rend()) return *kernel;
  const auto modelled = std::find_if(end, counts_.rend(), [&](int fewer) { return model(op_class, fewer) != nullptr; });
  return modelled == counts_.rend() ? no_threads : *modelled;
}

std::string Known::source(const std::string& op_class, int threads) const {
  if (profile_.assumed) return "assumed";
  if (kernels(op_class, threads) > 0) return "measured";
  if (const ClassModel* of = model(op_class, threads))
    return of->op_class == op_class ? "modelled" : "extrapolated from class other";
  const int fewer = extrapolated_from(op_class, threads);
  if (fewer == no_threads) return "assumed";
  return fmt::format("extrapolated from {} thread{}", fewer, fewer == 1 ? "" : "s");
}

std::vector<Column> class_columns() {
  return {{"op_class", "class"},
          {"threads", "threads"},
          {"kernels", "kernels"},
          {"error", "cross-validated error", Quantity::fraction},
          {"source", "source"},
          {"correction", "correction"},
          {"correction_samples", "samples"},
          {"correction_spread", "residual spread", Quantity::fraction}};
}

std::vector<Cell> class_cells(const Known& known, const std::string& op_class, int threads) {
  std::vector<Cell> cells{op_class, threads, known.kernels(op_class, threads)};
  const ClassModel* model = known.model(op_class, threads);
  const bool validated = model != nullptr && model->op_class == op_class && model->error > 0;
  cells.push_back(validated ? Cell(model->error) : Cell());
  cells.emplace_back(known.source(op_class, threads));
  if (const Correction* correction = known.profile().corrections.find(op_class, threads))
    cells.insert(cells.end(), {correction->factor(), correction->count, correction->spread()});
  else
    cells.insert(cells.end(), 3, Cell());
  return cells;
}

report::Table class_table(const ShownProfile& of) {
  const Known known(of);
  report::Table table{class_columns(), {}};
  for (const std::string& op_class : class_names())
    for (const int threads : known.thread_counts()) table.rows.push_back(class_cells(known, op_class, threads));
  return table;
}

std::vector<Column> profile_columns() {
  return {{"name", "profile"},
          {"devices", "devices"},
          {"file", "file"},
          {"created", "measured at"},
          {"cpu", "cpu"},
          {"cores", "cores"},
          {"memory_bytes", "memory", Quantity::bytes},
          {"kernel", "kernel"},
          {"engine_version", "ONNX Runtime"},
          {"noise", "noise floor", Quantity::fraction},
          {"hold_out_error", "hold-out error", Quantity::fraction},
          {"peak_macs_per_second", "peak, MAC/s"},
          {"near_bytes_per_second", "bandwidth of the nearest cache, bytes/s"},
          {"memory_bytes_per_second", "bandwidth of memory, bytes/s"},
          {"streaming_factor", "slower while streaming, times"},
          {"split_factor", "slower beside other parts, times"},
          {"exchange_seconds", "late by message", Quantity::seconds},
          {"assumed", "assumed"},
          {"corrections_outdated", "corrections outdated"}};
}

Cell text_or_empty(const std::string& text) { return text.empty() ? Cell() : Cell(text); }

// Of the kernel that comes nearest to what the processor can do.
Cell peak_rate(const DeviceProfile& profile) {
  double most = 0;
  for (const KernelMeasurement& kernel : profile.kernels) most = std::max(most, kernel.macs / kernel.seconds);
  return most > 0 ? Cell(most) : Cell();
}

// Every byte is read once and written once.
Cell copied_per_second(const CopyMeasurement& copy, double seconds) {
  return 2 * static_cast<double>(copy.bytes) / seconds;
}

std::vector<Cell> profile_cells(const ShownProfile& of) {
  const DeviceProfile& profile = *of.profile;
  const HostFingerprint& host = profile.host;
  return {
      profile.name,
      text_or_empty(fmt::format("{}", fmt::join(of.devices, ", "))),
      text_or_empty(profile.file.string()),
      text_or_empty(profile.created),
      text_or_empty(host.cpu),
      host.cores > 0 ? Cell(host.cores) : Cell(),
      host.memory_bytes > 0 ? Cell(host.memory_bytes) : Cell(),
      text_or_empty(host.kernel),
      text_or_empty(host.engine_version),
      profile.assumed ? Cell() : Cell(profile.noise),
      profile.hold_out_error > 0 ? Cell(profile.hold_out_error) : Cell(),
      peak_rate(profile),
      profile.copies.empty() ? Cell() : copied_per_second(profile.copies.front(), profile.copies.front().warm_seconds),
      profile.copies.empty() ? Cell() : copied_per_second(profile.copies.back(), profile.copies.back().seconds),
      profile.assumed ? Cell() : Cell(profile.streaming_factor),
      profile.assumed ? Cell() : Cell(profile.split_factor),
      profile.assumed ? Cell() : Cell(profile.exchange_seconds),
      profile.assumed,
      profile.corrections_outdated};
}

void print_all_json(const std::vector<ShownProfile>& profiles, const Console& console) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const ShownProfile& of : profiles) {
    nlohmann::ordered_json one = report::to_json(profile_columns(), profile_cells(of));
    one["devices"] = of.devices;
    one["classes"] = report::to_json(class_table(of));
    array.push_back(std::move(one));
  }
  console.out << report::json_text(array);
}

// A row a class and thread count; what holds for the whole profile is repeated.
void print_all_csv(const std::vector<ShownProfile>& profiles, const Console& console) {
  report::Table all{profile_columns(), {}};
  const std::vector<Column> columns = class_columns();
  all.columns.insert(all.columns.end(), columns.begin(), columns.end());
  for (const ShownProfile& of : profiles) {
    for (const std::vector<Cell>& cells : class_table(of).rows) {
      all.rows.push_back(profile_cells(of));
      all.rows.back().insert(all.rows.back().end(), cells.begin(), cells.end());
    }
  }
  report::print(console, all);
}

std::vector<ShownProfile> profiles_of(const Platform& platform) {
  std::vector<ShownProfile> result;
  for (const Device& device : platform.devices) {
    const auto known = std::find_if(result.begin(), result.end(), [&](const ShownProfile& of) {
      return of.profile == device.profile.get() && of.cores == device.cores;
    });
    if (known == result.end())
      result.push_back({{device.name}, device.profile.get(), device.cores});
    else
      known->devices.push_back(device.name);
  }
  return result;
}

void print_profiles(const std::vector<ShownProfile>& profiles, const Console& console) {
  if (console.format == Format::json) return print_all_json(profiles, console);
  if (console.format == Format::csv) return print_all_csv(profiles, console);
  for (const ShownProfile& of : profiles) {
    if (&of != &profiles.front()) console.out << '\n';
    report::print_record(console, profile_columns(), profile_cells(of));
    console.out << '\n';
    report::print(console, class_table(of));
  }
}

void check_words(const Arguments& arguments) {
  if (arguments.has("PROFILE") == arguments.has("--platform"))
    throw Error(ExitCode::usage, "USAGE", "--show takes one of the two: a profile, or --platform FILE");
  for (const char* option : {"--output", "--model", "--threads"})
    if (arguments.has(option))
      throw Error(ExitCode::usage, "USAGE", fmt::format("--show measures and writes nothing: leave out {}", option));
}

}  // namespace

int show_profiles(const Arguments& arguments, const Console& console) {
  check_words(arguments);
  if (arguments.has("--platform")) {
    const Platform platform = read_platform(arguments.text("--platform"));
    warn_of_platform(platform, console);
    print_profiles(profiles_of(platform), console);
    return 0;
  }
  const DeviceProfile profile = read_device_profile(arguments.text("PROFILE"));
  if (profile.corrections_outdated)
    console.warn(fmt::format("'{}' was learnt from an earlier calibration and is not used; validate again",
                             printable(corrections_file(profile.file).filename().string(), 120)));
  print_profiles({{{}, &profile, std::max(profile.host.cores, 1)}}, console);
  return 0;
}

}  // namespace dse
