#include "runtime/worker_options.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "base/suggest.hpp"
#include "runtime/decimal.hpp"
#include "runtime/power_sensor.hpp"

namespace dse::runtime {

const char* const worker_usage =
    R"(dse-worker runs one device of a package; mpirun starts one for each device, rank k being device k.

  dse-worker --package DIR | --packages LISTFILE [options]

  --package DIR        the package
  --packages LISTFILE  run several, one after another: a path a line, '#' begins a comment
  --frames N           frames in all (default: twice the golden frames)
  --warmup N           leave the first N frames out of the figures (default: as many as fill the pipeline)
  --in-flight N        frames inside a replica at a time (default: as the package says); 1 to measure latency
  --input DIR          frames from DIR/frame_<n>_in<i>.bin, raw elements (default: the golden inputs, again and again)
  --output DIR         write DIR/frame_<n>_out<i>.bin
  --check              compare every output with the golden one; exit 9 where it is wrong
  --verify-cuts        compare what crosses between devices too
  --trace              put the time of every step into the report
  --report FILE        JSON, written by rank 0 (default: to its standard output)
  --wait POLICY        spin, yield or sleep:US while messages are outstanding (default: as the package says)
  --deadline SECONDS   longest time without a finished frame (default: from the package's estimate)
  --threads N          of the engine (default: as the package says)
  --power-sensor KIND  what measures the energy of this host: auto (default), hwmon, rapl, csv:FILE or none
  --power-root DIR     of the tree that holds sys/ (default: /)
  --version            versions as JSON

exit: 0 done, 2 usage, 3 bad package, 5 I/O, 7 device or MPI failure, 8 deadline passed, 9 outputs wrong
)";

namespace {

[[noreturn]] void usage(const std::string& message) { throw Error(ExitCode::usage, "WORKER-USAGE", message); }

std::size_t count(const std::string& option, const std::string& text, std::size_t lowest, std::size_t highest) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < lowest || value > highest)
    usage(option + " takes a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest) +
          ", not '" + printable(text, 40) + "'");
  return value;
}

double seconds(const std::string& option, const std::string& text) {
  const std::optional<double> value = decimal(text);
  if (!value || *value <= 0 || *value > 1e6)
    usage(option + " takes seconds above 0, not '" + printable(text, 40) + "'");
  return *value;
}

std::vector<fs::path> read_list(const fs::path& file) {
  std::istringstream lines(read_text(file, 16u << 20));
  std::vector<fs::path> result;
  for (std::string line; std::getline(lines, line);) {
    line.erase(0, line.find_first_not_of(" \t\r"));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (!line.empty() && line.front() != '#') result.emplace_back(line);
  }
  if (result.empty()) throw Error(ExitCode::bad_input, "WORKER-LIST", {file.string()}, "names no package");
  return result;
}

constexpr std::size_t most_frames = 1u << 30;

}  // namespace

WorkerOptions parse_worker_options(const std::vector<std::string>& arguments) {
  WorkerOptions options;
  fs::path list;
  using Value = const std::string&;
  const std::map<std::string, std::function<void(Value)>> with_value{
      {"--package", [&](Value v) { options.packages = {v}; }},
      {"--packages", [&](Value v) { list = v; }},
      {"--frames", [&](Value v) { options.frames = count("--frames", v, 1, most_frames); }},
      {"--warmup", [&](Value v) { options.warmup = count("--warmup", v, 0, most_frames); }},
      {"--in-flight", [&](Value v) { options.in_flight = count("--in-flight", v, 1, 4096); }},
      {"--input", [&](Value v) { options.input = v; }},
      {"--output", [&](Value v) { options.output = v; }},
      {"--report", [&](Value v) { options.report = v; }},
      {"--wait", [&](Value v) { options.wait = program::wait_policy_from_string(v); }},
      {"--deadline", [&](Value v) { options.deadline_s = seconds("--deadline", v); }},
      {"--threads", [&](Value v) { options.threads = static_cast<int>(count("--threads", v, 1, 4096)); }},
      {"--power-sensor", [&](Value v) { options.power_sensor = checked_power_kind(v); }},
      {"--power-root", [&](Value v) { options.power_root = v; }},
  };
  const std::map<std::string, bool*> flags{{"--check", &options.check},     {"--verify-cuts", &options.verify_cuts},
                                           {"--trace", &options.trace},     {"--help", &options.help},
                                           {"--version", &options.version}, {"-h", &options.help}};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (const auto flag = flags.find(arguments[i]); flag != flags.end()) {
      *flag->second = true;
      continue;
    }
    const auto option = with_value.find(arguments[i]);
    if (option == with_value.end()) {
      std::vector<std::string> words;
      for (const auto& [name, set] : with_value) words.push_back(name);
      for (const auto& [name, set] : flags) words.push_back(name);
      usage("unknown option '" + printable(arguments[i], 60) + "'" + suggestion(arguments[i], words));
    }
    if (++i == arguments.size() || arguments[i].empty()) usage(option->first + " needs a value");
    option->second(arguments[i]);
  }
  if (options.help || options.version) return options;
  if (options.packages.empty() == list.empty()) usage("give either --package DIR or --packages LISTFILE");
  options.list = !list.empty();
  if (options.list) options.packages = read_list(list);
  if (options.frames && options.warmup && *options.warmup >= *options.frames) usage("--warmup must be below --frames");
  if (options.list && (!options.input.empty() || !options.output.empty()))
    usage("--input and --output go with one --package");
  return options;
}

}  // namespace dse::runtime
