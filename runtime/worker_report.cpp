#include "runtime/worker_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.hpp"
#include "runtime/process_facts.hpp"

namespace dse::runtime {
namespace {

using nlohmann::ordered_json;

constexpr std::array kind_names{"input", "receive", "run", "copy", "send", "output"};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// JSON has no infinity: an error that is not finite is told as the largest number.
double finite(double value) { return std::min(value, std::numeric_limits<double>::max()); }

ordered_json to_json(const OutputCheck& check) {
  ordered_json result{{"max_relative_error", finite(check.worst)}, {"compared", check.compared}};
  result["first_wrong_frame"] = check.first_wrong ? ordered_json(*check.first_wrong) : ordered_json(nullptr);
  return result;
}

// `shift`: from seconds since this rank's epoch to its steady clock as rank 0 would read it.
ordered_json times(const std::vector<FrameTime>& list, double shift) {
  ordered_json result = ordered_json::array();
  for (const FrameTime& time : list) result.push_back({time.frame, time.time_s + shift});
  return result;
}

ordered_json steps(const DevicePart& part, const program::Program& program) {
  ordered_json result = ordered_json::array();
  for (const StepTimes& times : part.run.steps) {
    const program::Step& step = program.lanes[times.lane].steps[times.step];
    result.push_back({{"lane", times.lane},
                      {"step", times.step},
                      {"name", step.name},
                      {"kind", kind_names.at(static_cast<std::size_t>(step.kind))},
                      {"median_s", times.median_s},
                      {"count", times.count}});
  }
  return result;
}

ordered_json to_json(const MeasuredEnergy& energy, std::size_t measured_frames) {
  ordered_json result{{"sensor", energy.sensor.kind}, {"source", energy.sensor.source}};
  if (energy.ranks.size() > 1) result["shared"] = energy.ranks;
  if (!energy.reading) {
    result["failure"] =
        energy.failure.empty() ? "nothing was measured: no frame came after the warm-up" : energy.failure;
    return result;
  }
  const EnergyReading& reading = *energy.reading;
  result["joules_per_frame"] = reading.joules / static_cast<double>(std::max<std::size_t>(1, measured_frames));
  result["joules"] = reading.joules;
  result["seconds"] = reading.seconds;
  result["samples"] = reading.samples;
  return result;
}

std::string dump(const ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const DevicePart& part, const Package& package, std::size_t measured_frames) {
  const program::Program& program = package.set.programs[part.device];
  const auto per_frame = [&](double seconds) {
    return seconds / static_cast<double>(std::max<std::size_t>(1, measured_frames));
  };
  const double shift = part.epoch_s + (part.offset_before_s + part.offset_after_s) / 2;
  ordered_json device{{"device", program.device},
                      {"rank", part.device},
                      {"host", host_name()},
                      {"cores", affinity()},
                      {"threads", part.threads},
                      {"frames", part.run.frames},
                      {"busy_s", per_frame(part.run.busy_s)},
                      {"communication_s", per_frame(part.run.communication_s) + part.communication_cpu_s},
                      {"communication_thread_s", part.communication_cpu_s},
                      {"waiting_s", per_frame(part.run.waiting_s)},
                      {"wall_s", part.run.wall_s},
                      {"load_s", part.load_s},
                      {"memory_bytes", part.memory_bytes},
                      {"memory_loaded_bytes", part.memory_loaded_bytes},
                      {"clock_offset_before_s", part.offset_before_s},
                      {"clock_offset_after_s", part.offset_after_s},
                      {"steps", steps(part, program)}};
  if (part.energy) device["energy"] = to_json(*part.energy, measured_frames);
  ordered_json trace = ordered_json::array();
  for (const TraceEvent& event : part.run.trace)
    trace.push_back({event.frame, event.lane, event.step, event.start_s + shift, event.end_s + shift});
  ordered_json outputs = ordered_json::array();
  for (const OutputCheck& check : part.outputs) outputs.push_back(to_json(check));
  ordered_json cuts = ordered_json::array();
  for (const CutCheck::Result& cut : part.cuts) {
    cuts.push_back(to_json(cut.check));
    cuts.back()["step"] = cut.first_step;
  }
  return dump({{"device", device},
               {"started", times(part.run.started, shift)},
               {"finished", times(part.run.finished, shift)},
               {"trace", trace},
               {"trace_dropped", part.run.trace_dropped},
               {"outputs", outputs},
               {"cuts", cuts}},
              -1);
}

double median_period(const std::vector<double>& finished, std::size_t cycle) {
  if (finished.size() < 2) return 0;
  const std::size_t half = std::max<std::size_t>(1, (finished.size() - 1) / 2);
  const std::size_t width = half >= cycle ? half / cycle * cycle : half;
  std::vector<double> slopes;
  for (std::size_t i = 0; i + width < finished.size(); ++i)
    slopes.push_back((finished[i + width] - finished[i]) / static_cast<double>(width));
  return median(std::move(slopes));
}

namespace {

// Joins the parts of all devices.
class Merge {
 public:
  Merge(const Package& package, const RunFacts& facts, const std::vector<std::string>& texts)
      : package_(package), facts_(facts) {
    for (const std::string& text : texts) parts_.push_back(ordered_json::parse(text));
  }

  WholeReport run() {
    ordered_json result{{"dse", "worker-report/1"},
                        {"package", package_.folder.string()},
                        {"ok", true},
                        {"frames", facts_.frames},
                        {"warmup", facts_.warmup},
                        {"in_flight", in_flight()},
                        {"wait", facts_.wait},
                        {"tool_version", facts_.tool_version},
                        {"engine_version", facts_.engine_version},
                        {"mpi_version", facts_.mpi_version}};
    frame_times(result);
    checks(result);
    result["replicas"] = ordered_json::array();
    for (const program::Replica& replica : package_.set.deployment.replicas)
      result["replicas"].push_back({{"share", replica.share}});
    const auto dealt = program::deal_frames(package_.set.deployment.replicas, facts_.frames);
    for (std::size_t r = 0; r < result["replicas"].size(); ++r)
      result["replicas"][r]["frames"] = std::count(dealt.begin(), dealt.end(), r);
    result["devices"] = ordered_json::array();
    for (const ordered_json& part : parts_) result["devices"].push_back(part["device"]);
    if (facts_.trace) trace(result);
    result["ok"] = !wrong_;
    return {dump(result, 1), summary(result), wrong_};
  }

 private:
  ordered_json in_flight() const {
    ordered_json result = ordered_json::array();
    for (const program::Replica& replica : package_.set.deployment.replicas)
      result.push_back(facts_.in_flight != 0 ? facts_.in_flight : replica.frames_in_flight);
    return result;
  }

  std::size_t cycle() const {
    std::int64_t total = 0, common = 0;
    for (const program::Replica& replica : package_.set.deployment.replicas) {
      total += replica.share;
      common = std::gcd(common, replica.share);
    }
    return static_cast<std::size_t>(total / common);
  }

  void frame_times(ordered_json& result) {
    std::map<std::size_t, double> started, finished;
    for (const ordered_json& part : parts_) {
      for (const ordered_json& time : part["started"]) {
        const auto [place, is_new] = started.emplace(time[0].get<std::size_t>(), time[1].get<double>());
        if (!is_new) place->second = std::min(place->second, time[1].get<double>());
      }
      for (const ordered_json& time : part["finished"]) finished[time[0].get<std::size_t>()] = time[1].get<double>();
    }
    if (!started.empty()) origin_ = started.begin()->second;
    std::vector<double> ends, latencies;
    for (const auto& [frame, end] : finished) {
      if (frame < facts_.warmup) continue;
      ends.push_back(end);
      if (const auto start = started.find(frame); start != started.end()) latencies.push_back(end - start->second);
    }
    std::sort(ends.begin(), ends.end());
    const bool steady = ends.size() >= 2;
    result["period_s"] = steady ? ordered_json(median_period(ends, cycle())) : ordered_json(nullptr);
    result["period_mean_s"] = steady ? ordered_json((ends.back() - ends.front()) / static_cast<double>(ends.size() - 1))
                                     : ordered_json(nullptr);
    result["latency_s"] = latencies.empty() ? ordered_json(nullptr) : ordered_json(median(latencies));
    result["latency_max_s"] =
        latencies.empty() ? ordered_json(nullptr) : ordered_json(*std::max_element(latencies.begin(), latencies.end()));
    result["frames_finished"] = finished.size();
  }

  // The same check made on several devices is one: the worst error, the first wrong frame.
  static void absorb(ordered_json& into, const ordered_json& check) {
    if (into.is_null()) {
      into = check;
      return;
    }
    into["max_relative_error"] =
        std::max(into["max_relative_error"].get<double>(), check["max_relative_error"].get<double>());
    into["compared"] = into["compared"].get<std::size_t>() + check["compared"].get<std::size_t>();
    const bool earlier =
        into["first_wrong_frame"].is_null() ||
        (!check["first_wrong_frame"].is_null() && check["first_wrong_frame"] < into["first_wrong_frame"]);
    if (earlier) {
      into["first_wrong_frame"] = check["first_wrong_frame"];
      if (check.contains("step")) into["step"] = check["step"];
    }
  }

  std::vector<ordered_json> joined(const char* key, std::size_t count) const {
    std::vector<ordered_json> result(count);
    for (const ordered_json& part : parts_)
      for (std::size_t i = 0; i < part[key].size() && i < count; ++i) absorb(result[i], part[key][i]);
    return result;
  }

  void checks(ordered_json& result) {
    result["checked"] = facts_.checked;
    result["max_relative_output_error"] = nullptr;
    result["outputs"] = ordered_json::array();
    double worst = 0;
    const auto& ports = package_.set.deployment.outputs;
    const auto outputs = joined("outputs", ports.size());
    for (std::size_t port = 0; port < ports.size(); ++port) {
      if (outputs[port].is_null()) continue;
      ordered_json row{{"name", ports[port].name}, {"tolerance", package_.manifest.golden.tolerance[port]}};
      row.update(outputs[port]);
      worst = std::max(worst, row["max_relative_error"].get<double>());
      wrong_ = wrong_ || !row["first_wrong_frame"].is_null();
      result["outputs"].push_back(std::move(row));
    }
    if (!result["outputs"].empty()) result["max_relative_output_error"] = worst;
    const auto& declared = package_.manifest.golden.cuts;
    const auto cuts = joined("cuts", declared.size());
    for (std::size_t cut = 0; cut < declared.size(); ++cut) {
      if (cuts[cut].is_null()) continue;
      ordered_json row{{"tensor", declared[cut].tensor}, {"tolerance", declared[cut].tolerance}};
      row.update(cuts[cut]);
      wrong_ = wrong_ || !row["first_wrong_frame"].is_null();
      result["cuts"].push_back(std::move(row));
    }
  }

  void trace(ordered_json& result) const {
    result["trace"] = ordered_json::array();
    std::size_t dropped = 0;
    for (std::size_t device = 0; device < parts_.size(); ++device) {
      dropped += parts_[device]["trace_dropped"].get<std::size_t>();
      for (const ordered_json& event : parts_[device]["trace"])
        result["trace"].push_back({{"device", device},
                                   {"frame", event[0]},
                                   {"lane", event[1]},
                                   {"step", event[2]},
                                   {"start_s", event[3].get<double>() - origin_},
                                   {"end_s", event[4].get<double>() - origin_}});
    }
    result["trace_dropped"] = dropped;
  }

  static std::string energy_line(const ordered_json& device) {
    if (!device.contains("energy")) return "";
    const ordered_json& energy = device["energy"];
    const std::string of = energy.contains("shared")
                               ? fmt::format("devices on {} together", printable(device["host"].get<std::string>(), 60))
                               : printable(device["device"].get<std::string>(), 60);
    if (!energy.contains("joules_per_frame"))
      return fmt::format("  energy of {}: not measured: {}\n", of, energy["failure"].get<std::string>());
    return fmt::format("  energy of {}: {:.3f} mJ a frame ({})\n", of, 1e3 * energy["joules_per_frame"].get<double>(),
                       printable(energy["source"].get<std::string>(), 200));
  }

  std::string summary(const ordered_json& result) const {
    const auto milliseconds = [&](const char* key) {
      return result[key].is_null() ? std::string("unknown") : fmt::format("{:.3f} ms", 1e3 * result[key].get<double>());
    };
    std::string text = fmt::format("{} frames, period {}, latency {}", facts_.frames, milliseconds("period_s"),
                                   milliseconds("latency_s"));
    if (facts_.checked)
      text += fmt::format(", outputs {} (largest relative error {:.3g})", wrong_ ? "WRONG" : "right",
                          result["max_relative_output_error"].get<double>());
    text += "\n";
    for (const ordered_json& device : result["devices"])
      text += fmt::format("  {}: busy {:.3f} ms a frame, waiting {:.3f} ms, peak memory {:.1f} MiB\n",
                          printable(device["device"].get<std::string>(), 60), 1e3 * device["busy_s"].get<double>(),
                          1e3 * device["waiting_s"].get<double>(), device["memory_bytes"].get<double>() / (1 << 20));
    for (const ordered_json& device : result["devices"]) text += energy_line(device);
    return text;
  }

  const Package& package_;
  const RunFacts& facts_;
  std::vector<ordered_json> parts_;
  double origin_ = 0;  // when the first frame started
  bool wrong_ = false;
};

}  // namespace

WholeReport whole_report(const Package& package, const RunFacts& facts, const std::vector<std::string>& parts) {
  return Merge(package, facts, parts).run();
}

WholeReport failure_report(const std::string& folder, int exit_code, const std::string& message) {
  const ordered_json json{
      {"dse", "worker-report/1"}, {"package", folder}, {"ok", false}, {"exit", exit_code}, {"error", message}};
  return {dump(json, 1), "failed: " + message + "\n", false};
}

std::string join_reports(const std::vector<WholeReport>& reports, bool list) {
  if (!list) return reports.empty() ? "" : reports.front().json + "\n";
  std::string text = "[\n";
  for (std::size_t i = 0; i < reports.size(); ++i) text += reports[i].json + (i + 1 < reports.size() ? ",\n" : "\n");
  return text + "]\n";
}

}  // namespace dse::runtime
