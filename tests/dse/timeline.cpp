// Timelines as JSON, and the steps of a deployment as a timeline.
#include "dse/report/timeline.hpp"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "dse/commands/step_timeline.hpp"
#include "models/zoo.hpp"
#include "partition/mapping.hpp"

using namespace dse;
using nlohmann::json;

namespace {

std::vector<json> events_of(const report::Timeline& timeline, const std::string& phase) {
  std::vector<json> result;
  const json document = json::parse(report::to_chrome_trace(timeline));
  for (const json& event : document.at("traceEvents"))
    if (event["ph"] == phase) result.push_back(event);
  return result;
}

std::vector<std::string> thread_names(const report::Timeline& timeline) {
  std::vector<std::string> names;
  for (const json& event : events_of(timeline, "M"))
    if (event["name"] == "thread_name") names.push_back(event["args"]["name"]);
  return names;
}

report::Timeline::Event event(std::size_t track, double start_s, double end_s) {
  return {track, "step", start_s, end_s, 0, 0, {}, 0};
}

// Two stages of the smallest network on two of three devices, over a network of the given kind.
struct Deployed {
  explicit Deployed(NetworkKind kind) : folder("dse-timeline") {
    const std::string model = (folder.path() / "tiny.onnx").string();
    zoo::make("tiny", model);
    network = std::make_unique<const Network>(Network::import(model));
    std::string text = "dse: platform/1\nname: three\ndevices:\n";
    for (const char* name : {"a", "b", "c"})
      text += std::string("  - {name: ") + name + ", host: localhost, cores: 1, memory: 2 GiB}\n";
    text += "networks:\n  - {name: lan, members: [a, b, c], bandwidth: 100 Mbit/s, latency: 1 ms, kind: ";
    platform = parse_platform(text + (kind == NetworkKind::shared ? "shared}\n" : "switched}\n"), "three.yaml");
    plan = lower(*network, platform, contiguous(*network, {network->layers().size() / 2}, {0, 1}));
    run = Estimator(*network, platform).simulated_run(plan, 6);
  }
  TempDir folder;
  std::unique_ptr<const Network> network;
  Platform platform;
  Plan plan;
  SimulatedRun run;
};

}  // namespace

TEST_CASE("a timeline names its processes and threads, with numbers that are nobody else's") {
  const report::Timeline timeline{
      {{"device a", "compute"}, {"device a", "sending on lan"}, {"device b", "compute"}}, {event(1, 0, 1)}, {}};
  const std::vector<json> metadata = events_of(timeline, "M");
  std::vector<std::string> processes;
  std::set<int> pids, tids;
  for (const json& named : metadata) {
    if (named["name"] == "process_name") processes.push_back(named["args"]["name"]);
    pids.insert(named["pid"].get<int>());
    tids.insert(named["tid"].get<int>());
  }
  CHECK(processes == std::vector<std::string>{"device a", "device b"});
  CHECK(thread_names(timeline) == std::vector<std::string>{"compute", "sending on lan", "compute"});
  CHECK(pids.size() == 2);
  CHECK(tids.size() == 3);
  for (const int pid : pids) CHECK_FALSE(tids.contains(pid));
  CHECK(events_of(timeline, "X")[0]["tid"] == metadata[2]["tid"]);
  CHECK(json::parse(report::to_chrome_trace({}))["traceEvents"].empty());
}

TEST_CASE("an event has its time in microseconds, and layers or bytes") {
  report::Timeline timeline{{{"device a", "compute"}}, {}, {}};
  timeline.events.push_back({0, "conv \xff", 1.5e-6, 3.25e-6, 7, 2, {"conv", "relu"}, 0});
  timeline.events.push_back({0, "copy", 4e-6, 4e-6, 8, 0, {}, 128});
  const std::vector<json> events = events_of(timeline, "X");
  REQUIRE(events.size() == 2);
  CHECK(events[0]["name"] == "conv \xef\xbf\xbd");
  CHECK(events[0]["ts"] == 1.5);
  CHECK(events[0]["dur"] == 1.75);
  CHECK(events[0]["args"] == json{{"frame", 7}, {"replica", 2}, {"layers", {"conv", "relu"}}});
  CHECK(events[1]["dur"] == 0);
  CHECK(events[1]["args"] == json{{"frame", 8}, {"replica", 0}, {"bytes", 128}});
}

TEST_CASE("events of one track that overlap stand in rows of their own, those that touch do not") {
  report::Timeline timeline{{{"device a", "sending on lan"}, {"device a", "receiving on lan"}}, {}, {}};
  timeline.events = {event(0, 0, 1), event(0, 1, 3), event(0, 2, 4), event(0, 3.5, 5), event(1, 0.5, 1)};
  CHECK(thread_names(timeline) == std::vector<std::string>{"sending on lan", "sending on lan 2", "receiving on lan"});
  const std::vector<json> events = events_of(timeline, "X");
  CHECK(events[1]["tid"] == events[0]["tid"]);
  CHECK(events[2]["tid"] != events[0]["tid"]);
  CHECK(events[3]["tid"] == events[0]["tid"]);
  // An end and a start that are the same sum but for its last bits.
  timeline.events = {event(0, 0, 0.1 + 0.2), event(0, 0.3 - 4e-10, 0.4)};
  CHECK(thread_names(timeline).size() == 2);
  const std::vector<json> touching = events_of(timeline, "X");
  CHECK(touching[1]["ts"].get<double>() >= touching[0]["ts"].get<double>() + touching[0]["dur"].get<double>());
}

TEST_CASE("an arrow leads from one event to the other") {
  report::Timeline timeline{{{"device a", "sending on lan"}, {"device b", "receiving on lan"}}, {}, {{0, 1}}};
  timeline.events = {event(0, 1e-6, 3e-6), event(1, 2e-6, 4e-6)};
  const json start = events_of(timeline, "s").at(0), end = events_of(timeline, "f").at(0);
  CHECK(start["id"] == end["id"]);
  CHECK(start["name"] == end["name"]);
  CHECK(start["cat"] == end["cat"]);
  CHECK(start["pid"] == 1);
  CHECK(start["ts"] == 1);
  CHECK(end["pid"] == 2);
  CHECK(end["ts"] == 2);
  CHECK(end["bp"] == "e");
}

TEST_CASE("a simulated run is a timeline of all devices, and of a shared medium") {
  for (const NetworkKind kind : {NetworkKind::switched, NetworkKind::shared}) {
    const bool shared = kind == NetworkKind::shared;
    CAPTURE(shared);
    const Deployed deployed(kind);
    const report::Timeline timeline = simulated_timeline(deployed.platform, deployed.plan, deployed.run);
    std::set<std::string> processes;
    for (const report::Timeline::Track& track : timeline.tracks) processes.insert(track.process);
    std::set<std::string> expected{"device a", "device b", "device c"};
    if (shared) expected.insert("network lan");
    CHECK(processes == expected);
    // Whatever does one thing at a time needs one row.
    CHECK(thread_names(timeline).size() == timeline.tracks.size());

    double last = 0;
    std::map<std::string, std::size_t> count;
    for (const report::Timeline::Event& of : timeline.events) {
      last = std::max(last, of.end_s);
      const report::Timeline::Track& track = timeline.tracks[of.track];
      ++count[track.process + ", " + track.thread];
      CHECK(of.layers.empty() == (track.thread != "compute"));
      CHECK((of.bytes > 0) == of.layers.empty());
    }
    CHECK(last == deployed.run.finished_s.back());
    CHECK(count["device a, compute"] == 6);
    CHECK(count["device b, compute"] == 6);
    CHECK(count["device a, sending on lan"] > 0);
    CHECK(count["device a, sending on lan"] == count["device b, receiving on lan"]);
    const std::size_t messages = count["device a, sending on lan"] + count["device b, sending on lan"];
    CHECK(count["network lan, medium"] == (shared ? messages : 0));
    CHECK(timeline.arrows.size() == messages);
    for (const report::Timeline::Arrow& arrow : timeline.arrows) {
      const report::Timeline::Event &send = timeline.events[arrow.from], &receive = timeline.events[arrow.to];
      CHECK(send.name.starts_with("send "));
      CHECK(receive.name.starts_with("receive "));
      CHECK(send.frame == receive.frame);
      CHECK(send.bytes == receive.bytes);
      CHECK(receive.start_s >= send.start_s);
    }
  }
}

TEST_CASE("a measured receive is shown from its send on, never after its end, and time starts with the first step") {
  const Deployed deployed(NetworkKind::shared);
  std::vector<ScheduledStep> steps = deployed.run.steps;
  const auto kind = [&](const ScheduledStep& at) {
    return deployed.plan.programs.programs[at.device].lanes[at.lane].steps[at.step].kind;
  };
  bool clock_is_off = true;  // for the first receive, by a second
  for (ScheduledStep& at : steps) {
    if (kind(at) == program::StepKind::receive) {
      at.start_s = clock_is_off ? -2 : 0;
      if (clock_is_off) at.end_s = -1;
      clock_is_off = false;
    }
    at.start_s += 5;
    at.end_s += 5;
  }
  const report::Timeline timeline = measured_timeline(deployed.platform, deployed.plan, steps);
  double first = 1e9;
  for (const report::Timeline::Event& of : timeline.events) {
    first = std::min(first, of.start_s);
    CHECK(of.end_s >= of.start_s);
    CHECK(timeline.tracks[of.track].process != "network lan");
  }
  CHECK(first == 0);
  std::size_t late = 0;
  for (const report::Timeline::Arrow& arrow : timeline.arrows)
    late += timeline.events[arrow.to].start_s == timeline.events[arrow.from].start_s ? 1 : 0;
  CHECK(late == timeline.arrows.size() - 1);
}
