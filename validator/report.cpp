#include "validator/report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace dse::validator {
namespace {

using nlohmann::json;

constexpr std::size_t most_steps = 1'000'000;
constexpr std::size_t most_events = 1u << 18;  // that a worker keeps

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ExitCode::device, "REPORT-JSON", {"dse-worker"}, "reported something else than it should: " + message);
}

class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {
    if (!object.is_object()) refuse("an object is missing");
  }
  const json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) refuse(std::string("'") + key + "' is missing");
    return *found;
  }
  double finite(const char* key) const {
    const json& value = at(key);
    if (!value.is_number() || !std::isfinite(value.get<double>())) refuse(std::string("'") + key + "' is no number");
    return value.get<double>();
  }
  double number(const char* key) const {
    if (finite(key) < 0) refuse(std::string("'") + key + "' is below 0");
    return finite(key);
  }
  std::optional<double> optional_number(const char* key) const {
    if (at(key).is_null()) return std::nullopt;
    return number(key);
  }
  std::size_t count(const char* key) const {
    const json& value = at(key);
    if (!value.is_number_unsigned()) refuse(std::string("'") + key + "' is no count");
    return value.get<std::size_t>();
  }
  std::string text(const char* key) const {
    if (!at(key).is_string()) refuse(std::string("'") + key + "' is no text");
    return printable(at(key).get<std::string>(), 500);
  }
  bool truth(const char* key) const {
    if (!at(key).is_boolean()) refuse(std::string("'") + key + "' is neither true nor false");
    return at(key).get<bool>();
  }
  const json& list(const char* key, std::size_t most) const {
    if (!at(key).is_array() || at(key).size() > most) refuse(std::string("'") + key + "' is no list, or too long");
    return at(key);
  }
  bool has(const char* key) const { return object_.contains(key); }

 private:
  const json& object_;
};

ReportStep read_step(const Reader& step) {
  return {step.count("lane"), step.count("step"), step.text("name"), step.text("kind"), step.number("median_s")};
}

constexpr double most_watts = 10'000;  // of a host; its sensor refuses more, too

void read_joules(const Reader& energy, ReportEnergy& result) {
  result.joules_per_frame = energy.number("joules_per_frame");
  result.seconds = energy.number("seconds");
  result.samples = energy.count("samples");
  const double joules = energy.number("joules");
  if (joules > most_watts * (result.seconds + 1)) refuse("more energy than a device takes");
  if (*result.joules_per_frame > joules) refuse("a frame's energy is more than that of all");
}

ReportEnergy read_energy(const Reader& energy, std::size_t rank, std::size_t ranks) {
  ReportEnergy result;
  result.sensor = energy.text("sensor");
  result.source = energy.text("source");
  if (energy.has("shared")) {
    for (const json& other : energy.list("shared", ranks)) {
      if (!other.is_number_unsigned() || other.get<std::size_t>() >= ranks)
        refuse("energy of a rank that there is not");
      result.ranks.push_back(other.get<std::size_t>());
    }
  } else {
    result.ranks = {rank};
  }
  if (result.ranks.empty() || result.ranks.front() != rank) refuse("energy is told by another than the lowest rank");
  if (energy.has("failure"))
    result.failure = energy.text("failure");
  else
    read_joules(energy, result);
  return result;
}

void refuse_energy_told_twice(const std::vector<ReportDevice>& devices) {
  std::vector<bool> told(devices.size(), false);
  for (const ReportDevice& device : devices) {
    if (!device.energy) continue;
    for (const std::size_t rank : device.energy->ranks) {
      if (told.at(rank)) refuse("the energy of a rank is told twice");
      told[rank] = true;
    }
  }
}

ReportDevice read_device(const Reader& device) {
  ReportDevice result;
  result.device = device.at("device").is_string() ? device.at("device").get<std::string>() : "";
  result.host = device.text("host");
  for (const json& core : device.list("cores", 4096))
    if (core.is_number_integer()) result.cores.push_back(core.get<int>());
  result.busy_s = device.number("busy_s");
  result.communication_s = device.number("communication_s");
  result.waiting_s = device.number("waiting_s");
  result.load_s = device.number("load_s");
  result.memory_bytes = device.number("memory_bytes");
  for (const json& step : device.list("steps", most_steps)) result.steps.push_back(read_step(Reader(step)));
  return result;
}

ReportEvent read_event(const Reader& event, std::size_t ranks) {
  const ReportEvent result{event.count("device"), event.count("frame"),    event.count("lane"),
                           event.count("step"),   event.finite("start_s"), event.finite("end_s")};
  if (result.rank >= ranks) refuse("an event is of no device of the package");
  if (result.end_s < result.start_s) refuse("an event ends before it starts");
  return result;
}

Report read_report(const Reader& report, const std::vector<std::string>& devices) {
  if (report.text("dse") != "worker-report/1") refuse("'dse' is not worker-report/1; the worker is of another version");
  Report result;
  result.ok = report.truth("ok");
  if (report.has("error")) {
    result.failure = report.text("error");
    return result;
  }
  result.frames = report.count("frames");
  result.warmup = report.count("warmup");
  result.latency_s = report.optional_number("latency_s");
  result.period_s = report.optional_number("period_s");
  result.max_relative_output_error = report.optional_number("max_relative_output_error");
  result.engine_version = report.text("engine_version");
  result.mpi_version = report.text("mpi_version");
  result.wait = report.text("wait");
  for (const json& device : report.list("devices", devices.size()))
    result.devices.push_back(read_device(Reader(device)));
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (i >= result.devices.size() || result.devices[i].device != devices[i])
      refuse("its devices are not those of the package");
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const Reader device(report.at("devices")[i]);
    if (device.has("energy")) result.devices[i].energy = read_energy(Reader(device.at("energy")), i, devices.size());
  }
  refuse_energy_told_twice(result.devices);
  if (!report.has("trace")) return result;
  for (const json& event : report.list("trace", most_events * devices.size()))
    result.trace.push_back(read_event(Reader(event), devices.size()));
  return result;
}

}  // namespace

std::vector<Report> parse_reports(const std::string& text, const std::vector<std::string>& devices) {
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) refuse("no JSON");
  std::vector<Report> reports;
  if (document.is_array())
    for (const json& report : document) reports.push_back(read_report(Reader(report), devices));
  else
    reports.push_back(read_report(Reader(document), devices));
  return reports;
}

}  // namespace dse::validator
