#include "dse/report/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

namespace dse::report {
namespace {

using nlohmann::ordered_json;

// Whole nanoseconds, as the viewers count: events that touch still do once rounded.
struct Interval {
  std::int64_t start = 0, end = 0;
};

std::int64_t nanoseconds(double seconds) { return std::llround(1e9 * seconds); }
double microseconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

struct Placed {
  Interval interval;
  std::size_t row = 0;  // of its track
};

// Puts every event into the first row of its track that is free.
class Rows {
 public:
  explicit Rows(const Timeline& timeline) : placed_(timeline.events.size()), ends_(timeline.tracks.size()) {
    const std::vector<Timeline::Event>& events = timeline.events;
    std::vector<std::size_t> order(events.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::tie(events[a].start_s, events[a].end_s) < std::tie(events[b].start_s, events[b].end_s);
    });
    for (const std::size_t event : order) place(events[event], placed_[event]);
  }

  const Placed& operator[](std::size_t event) const { return placed_[event]; }
  std::size_t count(std::size_t track) const { return std::max<std::size_t>(1, ends_[track].size()); }

 private:
  void place(const Timeline::Event& event, Placed& placed) {
    std::vector<std::int64_t>& ends = ends_[event.track];
    Interval interval{nanoseconds(event.start_s), nanoseconds(event.end_s)};
    // Sums of the same times in another order differ in their last bits: a nanosecond is no overlap.
    const auto row =
        std::find_if(ends.begin(), ends.end(), [&](std::int64_t end) { return end <= interval.start + 1; });
    if (row != ends.end()) interval.start = std::max(interval.start, *row);
    interval.end = std::max(interval.start, interval.end);
    placed = {interval, static_cast<std::size_t>(row - ends.begin())};
    if (row != ends.end())
      *row = interval.end;
    else
      ends.push_back(interval.end);
  }

  std::vector<Placed> placed_;
  std::vector<std::vector<std::int64_t>> ends_;  // by track and row: the end of its last event
};

class Writer {
 public:
  explicit Writer(const Timeline& timeline) : timeline_(timeline), rows_(timeline) { number(); }

  std::string text() {
    for (std::size_t track = 0; track < timeline_.tracks.size(); ++track) name(track);
    for (std::size_t event = 0; event < timeline_.events.size(); ++event) complete(event);
    for (std::size_t arrow = 0; arrow < timeline_.arrows.size(); ++arrow) point(arrow);
    // Names come from models and platform files: what is no UTF-8 is replaced.
    return ordered_json{{"traceEvents", std::move(result_)}, {"displayTimeUnit", "ms"}}.dump(
               -1, ' ', false, ordered_json::error_handler_t::replace) +
           '\n';
  }

 private:
  bool starts_process(std::size_t track) const {
    return track == 0 || timeline_.tracks[track].process != timeline_.tracks[track - 1].process;
  }

  // Threads are numbered over all processes, after these: viewers take equal numbers for the same thread, and a thread
  // with its process's number for its main thread.
  void number() {
    std::size_t processes = 0;
    for (std::size_t track = 0; track < timeline_.tracks.size(); ++track)
      process_.push_back(processes += starts_process(track) ? 1 : 0);
    std::size_t threads = processes;
    for (std::size_t track = 0; track < timeline_.tracks.size(); ++track) {
      first_thread_.push_back(threads + 1);
      threads += rows_.count(track);
    }
  }

  void name(std::size_t track) {
    const auto add = [&](const char* what, std::size_t thread, const std::string& name) {
      result_.push_back(
          {{"ph", "M"}, {"name", what}, {"pid", process_[track]}, {"tid", thread}, {"args", {{"name", name}}}});
    };
    const std::size_t first = first_thread_[track];
    if (starts_process(track)) add("process_name", first, timeline_.tracks[track].process);
    for (std::size_t row = 0; row < rows_.count(track); ++row)
      add("thread_name", first + row, timeline_.tracks[track].thread + (row > 0 ? " " + std::to_string(row + 1) : ""));
  }

  ordered_json at_start(const char* phase, const std::string& name, const char* category, std::size_t event) const {
    const std::size_t track = timeline_.events[event].track;
    return {{"ph", phase},
            {"name", name},
            {"cat", category},
            {"pid", process_[track]},
            {"tid", first_thread_[track] + rows_[event].row},
            {"ts", microseconds(rows_[event].interval.start)}};
  }

  void complete(std::size_t index) {
    const Timeline::Event& event = timeline_.events[index];
    const Interval interval = rows_[index].interval;
    ordered_json json = at_start("X", event.name, "step", index);
    json["dur"] = microseconds(interval.end - interval.start);
    json["args"] = {{"frame", event.frame}, {"replica", event.replica}};
    if (event.layers.empty())
      json["args"]["bytes"] = event.bytes;
    else
      json["args"]["layers"] = event.layers;
    result_.push_back(std::move(json));
  }

  void point(std::size_t index) {
    const Timeline::Arrow& arrow = timeline_.arrows[index];
    for (const bool end : {false, true}) {
      ordered_json json = at_start(end ? "f" : "s", "message", "message", end ? arrow.to : arrow.from);
      json["id"] = index + 1;
      if (end) json["bp"] = "e";  // bound to the event around it, not to the next one
      result_.push_back(std::move(json));
    }
  }

  const Timeline& timeline_;
  Rows rows_;
  std::vector<std::size_t> process_, first_thread_;  // by track
  ordered_json result_ = ordered_json::array();
};

}  // namespace

std::string to_chrome_trace(const Timeline& timeline) { return Writer(timeline).text(); }

}  // namespace dse::report
