// dse deploy, package verify and validate end to end: a small network, real mpirun, the worker that ships.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "dse/archive/archive.hpp"
#include "dse/commands/commands.hpp"
#include "dse/commands/subject.hpp"
#include "estimator/estimate.hpp"
#include "models/zoo.hpp"
#include "partition/mapping.hpp"

using namespace dse;
using nlohmann::json;

namespace {

using Words = std::vector<std::pair<std::string, std::string>>;

struct Ran {
  int exit = 0;
  std::string error;  // code, where it threw
  json result;
  std::string notes;
};

Ran run(const Command& command, const Words& words) {
  Arguments arguments;
  for (const OptionSpec& option : command.options)
    if (!option.fallback.empty()) arguments.set(option.name.substr(option.name.find("--")), option.fallback);
  for (const auto& [name, value] : words) arguments.set(name, value);
  std::ostringstream out;
  std::ostringstream err;
  Console console{out, err, Format::json, false, false};
  Ran ran;
  try {
    ran.exit = command.run(arguments, console);
  } catch (const Error& error) {
    ran.exit = static_cast<int>(error.exit());
    ran.error = error.code();
  }
  ran.result = json::parse(out.str(), nullptr, false);
  ran.notes = err.str();
  return ran;
}

// A model, a platform of two local devices with a declared slow network, and an explored archive.
class Bench {
 public:
  Bench() : folder_("dse-deploy") {
    zoo::make("tiny", file("tiny.onnx"));
    write_file(file("pair.yaml"),
               "dse: platform/1\nname: pair\ndevices:\n  - {name: left, host: localhost, cores: 1, memory: 2 GiB}\n"
               "  - {name: right, host: localhost, cores: 1, memory: 2 GiB}\n"
               "networks:\n  - {name: lan, members: [left, right], bandwidth: 10 Mbit/s, latency: 5 ms}\n");
    const Ran explored = run(explore_command(), {{"MODEL", file("tiny.onnx")},
                                                 {"--platform", file("pair.yaml")},
                                                 {"--db", file("runs.db")},
                                                 {"--evaluations", "200"},
                                                 {"--seed", "1"}});
    REQUIRE(explored.exit == 0);
  }
  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }

 private:
  TempDir folder_;
};

const Bench& bench() {
  static const Bench instance;
  return instance;
}

// A stored candidate of two stages on two devices: over the slow network the search itself keeps none.
std::int64_t store_two_stages() {
  const Network network = Network::import(bench().file("tiny.onnx"));
  const Platform platform = read_platform(bench().file("pair.yaml"));
  const Mapping mapping = contiguous(network, {network.layers().size() / 2}, {0, 1});
  archive::Checkpoint checkpoint;
  checkpoint.added.push_back(
      {to_json(mapping, network, platform), Estimator(network, platform).estimate(mapping), "sequential", 1, true});
  auto archive = archive::Archive::open(bench().file("runs.db"), archive::Archive::Mode::open);
  archive.commit(1, checkpoint);
  for (const archive::Candidate& candidate : archive.candidates(1))
    if (candidate.mapping_json == checkpoint.added[0].mapping_json) return candidate.id;
  return 0;
}

archive::Candidate spread() {
  static const std::int64_t id = store_two_stages();
  REQUIRE(id > 0);
  return *archive::Archive::open(bench().file("runs.db"), archive::Archive::Mode::read_only).candidate(id);
}

// The events of a timeline file, after what holds for every one of the two devices.
std::vector<json> timeline_events(const std::string& path) {
  const json events = json::parse(read_text(path, 1u << 24)).at("traceEvents");
  std::set<std::string> processes;
  std::size_t starts = 0, ends = 0;
  for (const json& event : events) {
    if (event["name"] == "process_name") processes.insert(event["args"]["name"]);
    if (event["ph"] == "X") CHECK(event["dur"].get<double>() >= 0);
    starts += event["ph"] == "s" ? 1 : 0;
    ends += event["ph"] == "f" ? 1 : 0;
  }
  CHECK(processes == std::set<std::string>{"device left", "device right"});
  CHECK(starts == ends);
  return events;
}

// By process and thread, the names of what it did; the further rows of what overlaps count as the first.
std::map<std::string, std::set<std::string>> timeline_names(const std::string& path) {
  std::map<json, std::string> thread;
  std::map<std::string, std::set<std::string>> names;
  for (const json& event : timeline_events(path)) {
    if (event["name"] == "thread_name") {
      std::string row = event["args"]["name"];
      row.resize(row.find_last_not_of(" 0123456789") + 1);
      thread[event["tid"]] = std::to_string(event["pid"].get<int>()) + " " + row;
    }
    // A simulation has no time for these.
    const std::string name = event["name"];
    if (event["ph"] == "X" && !name.starts_with("input ") && !name.starts_with("output "))
      names[thread[event["tid"]]].insert(name);
  }
  return names;
}

}  // namespace

TEST_CASE("deploy writes a package of a stored candidate, and verify runs it") {
  const std::string package = bench().file("package");
  const Ran deployed =
      run(deploy_command(),
          {{"SOURCE", bench().file("runs.db")}, {"CANDIDATE", std::to_string(spread().id)}, {"--output", package}});
  REQUIRE(deployed.error == "");
  CHECK(deployed.result["ranks"].size() == 2);
  CHECK(deployed.result["candidate_id"] == spread().id);
  const Ran verified = run(package_verify_command(), {{"DIR", package}, {"--run", ""}});
  CAPTURE(verified.notes);
  CHECK(verified.exit == 0);
  CHECK(verified.result["ok"] == true);
  CHECK(verified.result["bytes"] == deployed.result["bytes"]);
  CHECK(verified.result["max_relative_output_error"].get<double>() <= 1e-4);
  SUBCASE("a package in the way is kept") {
    const Ran again =
        run(deploy_command(), {{"SOURCE", bench().file("runs.db")}, {"CANDIDATE", "knee"}, {"--output", package}});
    CHECK(again.error == "OUTPUT-EXISTS");
    CHECK(again.exit == 2);
  }
  SUBCASE("a changed byte is damage") {
    write_file(fs::path(package) / "hostfile", "localhost slots=9\n");
    const Ran damaged = run(package_verify_command(), {{"DIR", package}, {"--run", ""}});
    CHECK(damaged.exit == 3);
    CHECK((damaged.error == "PACKAGE-SIZE" || damaged.error == "PACKAGE-HASH"));
  }
  fs::remove_all(package);
}

TEST_CASE("deploy takes a model with a mapping") {
  write_file(bench().file("map.yaml"),
             "dse: mapping/1\nreplicas:\n  - stages:\n      - {layers: [stem.conv, fc], devices: [right]}\n");
  const Words words{{"SOURCE", bench().file("tiny.onnx")},
                    {"--platform", bench().file("pair.yaml")},
                    {"--mapping", bench().file("map.yaml")}};
  Words whole = words;
  whole.emplace_back("--output", bench().file("by-hand"));
  const Ran deployed = run(deploy_command(), whole);
  CAPTURE(deployed.notes);
  REQUIRE(deployed.error == "");
  CHECK(deployed.result["candidate_id"].is_null());
  whole.emplace_back("CANDIDATE", "knee");
  CHECK(run(deploy_command(), whole).error == "USAGE");
  CHECK(run(deploy_command(), {words[0], words[1], {"--output", bench().file("none")}}).error == "USAGE");
  CHECK_FALSE(fs::exists(bench().file("none")));
}

TEST_CASE("estimate builds the best mapping of a strategy, which reads back as what it was") {
  for (const std::string strategy : {"data", "sequential", "horizontal", "vertical"}) {
    CAPTURE(strategy);
    const std::string kept = bench().file(strategy + ".yaml");
    const Words model{{"MODEL", bench().file("tiny.onnx")}, {"--platform", bench().file("pair.yaml")}};
    Words asked = model;
    asked.insert(asked.end(), {{"--strategy", strategy}, {"--devices", "right, left"}, {"--write-mapping", kept}});
    const Ran built = run(estimate_command(), asked);
    REQUIRE(built.error == "");
    CHECK(built.exit == 0);
    CHECK(built.result["strategy"] == strategy);
    CHECK(built.result["device_count"] == 2);
    write_file(bench().file("from-json"), built.result["mapping"].dump());
    for (const std::string& file : {kept, bench().file("from-json")}) {
      Words again = model;
      again.emplace_back("--mapping", file);
      CHECK(run(estimate_command(), again).result == built.result);
    }
    CHECK(run(estimate_command(), asked).error == "OUTPUT-EXISTS");
  }
}

TEST_CASE("deploy takes a model with a strategy, and the package runs") {
  const Words words{{"SOURCE", bench().file("tiny.onnx")},
                    {"--platform", bench().file("pair.yaml")},
                    {"--strategy", "vertical"},
                    {"--output", bench().file("vertical")}};
  const Ran deployed = run(deploy_command(), words);
  REQUIRE(deployed.error == "");
  CHECK(deployed.result["ranks"].size() == 2);
  const Ran verified = run(package_verify_command(), {{"DIR", bench().file("vertical")}, {"--run", ""}});
  CAPTURE(verified.notes);
  CHECK(verified.result["ok"] == true);
}

TEST_CASE("a package with a shortened wire runs within the tolerance of that wire, and not exactly") {
  for (const auto& [wire, base] : std::vector<std::pair<std::string, double>>{{"fp16", 2e-3}, {"int8", 5e-2}}) {
    const std::string package = bench().file("wire-" + wire);
    const Ran deployed = run(deploy_command(), {{"SOURCE", bench().file("tiny.onnx")},
                                                {"--platform", bench().file("pair.yaml")},
                                                {"--strategy", "horizontal"},
                                                {"--wire", wire},
                                                {"--output", package}});
    REQUIRE(deployed.error == "");
    for (const auto& tolerance : deployed.result["tolerance"]) CHECK(tolerance.get<double>() >= base);
    const Ran verified = run(package_verify_command(), {{"DIR", package}, {"--run", ""}});
    CAPTURE(verified.result.dump());
    CHECK(verified.result["ok"] == true);
    CHECK(verified.result["max_relative_output_error"].get<double>() > 1e-6);
  }
}

TEST_CASE("a strategy is refused where it is not alone, unknown, or has no such device; and where nothing fits") {
  write_file(bench().file("small.yaml"),
             "dse: platform/1\nname: small\ndevices:\n  - {name: left, host: localhost, cores: 1, memory: 1 MiB}\n"
             "  - {name: right, host: localhost, cores: 1, memory: 1 MiB}\n");
  const auto ask = [](const Command& command, const std::string& platform, Words words) {
    const bool deploys = command.words.front() == "deploy";
    words.insert(words.end(),
                 {{deploys ? "SOURCE" : "MODEL", bench().file("tiny.onnx")}, {"--platform", bench().file(platform)}});
    if (deploys) words.emplace_back("--output", bench().file("refused"));
    return run(command, words);
  };
  for (const Command& command : {estimate_command(), deploy_command()}) {
    for (const auto& [words, code] : std::vector<std::pair<Words, std::string>>{
             {{{"--strategy", "data"}, {"--mapping", "x.yaml"}}, "USAGE"},
             {{}, "USAGE"},
             {{{"--mapping", "x.yaml"}, {"--devices", "left"}}, "USAGE"},
             {{{"--strategy", "dta"}}, "STRATEGY"},
             {{{"--strategy", "data"}, {"--devices", "lfet,right"}}, "DEVICE"},
             {{{"--strategy", "data"}, {"--devices", "left"}}, "STRATEGY-DEVICES"},
             {{{"--strategy", "data"}, {"--wire", "fp8"}}, "USAGE"},
             {{{"--mapping", "x.yaml"}, {"--wire", "fp16"}}, "USAGE"},
             {{{"--strategy", "data"}, {"--halo", "exchange"}}, "STRATEGY-SPLIT"}}) {
      const Ran refused = ask(command, "pair.yaml", words);
      CHECK(refused.exit == 2);
      CHECK(refused.error == code);
    }
    CHECK(ask(command, "small.yaml", {{"--strategy", "sequential"}}).exit == 4);
  }
  const Ran short_of = ask(estimate_command(), "small.yaml", {{"--strategy", "vertical"}});
  CHECK(short_of.result["reason"].get<std::string>().find("device left lacks") != std::string::npos);
  CHECK(run(deploy_command(), {{"SOURCE", bench().file("runs.db")},
                               {"CANDIDATE", "knee"},
                               {"--strategy", "data"},
                               {"--output", bench().file("refused")}})
            .error == "USAGE");
  CHECK_FALSE(fs::exists(bench().file("refused")));
}

TEST_CASE("dry runs write nothing") {
  const Ran dry = run(deploy_command(), {{"SOURCE", bench().file("runs.db")},
                                         {"CANDIDATE", "knee"},
                                         {"--output", bench().file("dry")},
                                         {"--dry-run", ""}});
  CHECK(dry.exit == 0);
  CHECK_FALSE(fs::exists(bench().file("dry")));
  const auto count = [] {
    return archive::Archive::open(bench().file("runs.db"), archive::Archive::Mode::read_only)
        .validations(spread().id)
        .size();
  };
  const std::size_t before = count();
  CHECK(run(validate_command(),
            {{"DB", bench().file("runs.db")}, {"--candidate", std::to_string(spread().id)}, {"--dry-run", ""}})
            .exit == 0);
  CHECK(count() == before);
}

TEST_CASE("validate runs, compares and stores, against an estimate for the link that was used") {
  const archive::Candidate candidate = spread();
  const Ran validated = run(validate_command(), {{"DB", bench().file("runs.db")},
                                                 {"--candidate", std::to_string(candidate.id)},
                                                 {"--rounds", "1"},
                                                 {"--frames", "20"}});
  CAPTURE(validated.notes);
  REQUIRE(validated.error == "");
  REQUIRE(validated.exit == 0);
  REQUIRE(validated.result.size() == 1);
  const json& one = validated.result[0];
  CHECK(one["candidate_id"] == candidate.id);
  CHECK(one["ok"] == true);
  CHECK(one["max_relative_output_error"].get<double>() <= one["tolerance"].get<double>());
  for (const char* quantity : {"latency_s", "period_s", "memory_max_bytes"}) {
    CHECK(one["estimated"][quantity].get<double>() > 0);
    CHECK(one["measured"][quantity].get<double>() > 0);
  }
  CHECK(one["estimated"]["energy_max_j"].get<double>() > 0);
  CHECK(one["measured"]["energy_max_j"].is_null());
  CHECK(one["energy_assumed"] == true);
  // The declared network takes 5 ms a message at least; the run used this machine's memory.
  CHECK(candidate.estimate.latency_s > 5e-3);
  CHECK(one["estimated"]["latency_s"].get<double>() < candidate.estimate.latency_s - 4e-3);
  CHECK(one["link"].get<std::string>().find("instead of lan") != std::string::npos);
  const auto archive = archive::Archive::open(bench().file("runs.db"), archive::Archive::Mode::read_only);
  const std::vector<archive::Validation> stored = archive.validations(candidate.id);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].ok);
  CHECK(stored[0].devices.size() == 2);
  CHECK_FALSE(stored[0].steps.empty());
  CHECK(std::any_of(stored[0].steps.begin(), stored[0].steps.end(),
                    [](const auto& step) { return step.estimated_s > 0 && step.measured_s > 0; }));
  CHECK(json::parse(stored[0].provenance_json)["link"] == one["link"]);
}

TEST_CASE("a timeline has what was simulated and what was measured under the same names in the same places") {
  const std::string simulated = bench().file("simulated.json"), measured = bench().file("measured.json");
  write_file(bench().file("spread.json"), spread().mapping_json);
  const Ran estimated = run(estimate_command(), {{"MODEL", bench().file("tiny.onnx")},
                                                 {"--platform", bench().file("pair.yaml")},
                                                 {"--mapping", bench().file("spread.json")},
                                                 {"--timeline", simulated}});
  CAPTURE(estimated.notes);
  REQUIRE(estimated.error == "");
  const Ran validated = run(validate_command(), {{"DB", bench().file("runs.db")},
                                                 {"--candidate", std::to_string(spread().id)},
                                                 {"--rounds", "1"},
                                                 {"--frames", "8"},
                                                 {"--timeline", measured}});
  CAPTURE(validated.notes);
  REQUIRE(validated.error == "");
  REQUIRE(validated.exit == 0);
  const auto names = timeline_names(simulated);
  CHECK(names.contains("1 compute"));
  CHECK(names.contains("1 sending on lan"));
  CHECK(names.contains("2 receiving on lan"));
  CHECK(timeline_names(measured) == names);
}

TEST_CASE("a timeline that cannot be written is exit 5; what was measured is stored and told before") {
  const std::string nowhere = bench().file("no-such-folder/timeline.json");
  const Ran estimated = run(estimate_command(), {{"MODEL", bench().file("tiny.onnx")},
                                                 {"--platform", bench().file("pair.yaml")},
                                                 {"--strategy", "sequential"},
                                                 {"--timeline", nowhere}});
  CHECK(estimated.exit == 5);
  CHECK(estimated.error == "FILE-WRITE");
  const Words one{{"DB", bench().file("runs.db")}, {"--rounds", "1"}, {"--frames", "8"}, {"--timeline", nowhere}};
  const Ran validated = run(validate_command(), one);
  CHECK(validated.exit == 5);
  CHECK(validated.result[0]["ok"] == true);
  Words several = one;
  several.insert(several.end(),
                 {{"--candidate", "knee"}, {"--candidate", std::to_string(spread().id)}, {"--dry-run", ""}});
  CHECK(run(validate_command(), several).error == "USAGE");
}

TEST_CASE("an estimate that is further off than allowed is exit 9, and stored all the same") {
  const Ran validated = run(
      validate_command(),
      {{"DB", bench().file("runs.db")}, {"--top", "1"}, {"--rounds", "1"}, {"--frames", "8"}, {"--max-error", "0"}});
  CHECK(validated.exit == 9);
  CHECK(validated.result[0]["ok"] == true);
}

TEST_CASE("a worker that fails is a stored failure with its exit code") {
  const std::string program = bench().file("broken-worker");
  write_file(program, "#!/bin/sh\nkill -9 $$\n", 0755);
  const archive::Candidate candidate = spread();
  const Ran failed =
      run(validate_command(),
          {{"DB", bench().file("runs.db")}, {"--candidate", std::to_string(candidate.id)}, {"--program", program}});
  CHECK(failed.exit == 7);
  CHECK(failed.result[0]["ok"] == false);
  CHECK(failed.result[0]["failure"].get<std::string>().find("killed by signal 9") != std::string::npos);
  CHECK(failed.result[0]["measured"]["period_s"].is_null());
  const auto archive = archive::Archive::open(bench().file("runs.db"), archive::Archive::Mode::read_only);
  CHECK_FALSE(archive.validations(candidate.id).back().failure.empty());
}

TEST_CASE("a model that changed since the run is refused") {
  zoo::make("tiny", bench().file("other.onnx"), {2, false});
  const Ran changed = run(deploy_command(), {{"SOURCE", bench().file("runs.db")},
                                             {"CANDIDATE", "knee"},
                                             {"--model", bench().file("other.onnx")},
                                             {"--output", bench().file("changed")}});
  CHECK(changed.error == "MODEL-CHANGED");
  CHECK(changed.exit == 3);
  const Ran gone = run(deploy_command(), {{"SOURCE", bench().file("runs.db")},
                                          {"CANDIDATE", "knee"},
                                          {"--model", bench().file("gone.onnx")},
                                          {"--output", bench().file("changed")}});
  CHECK(gone.error == "FILE-OPEN");
  CHECK(gone.exit == 3);
}

TEST_CASE("archives are told from other files by their content") {
  CHECK(is_archive(bench().file("runs.db")));
  CHECK_FALSE(is_archive(bench().file("tiny.onnx")));
  CHECK_THROWS_AS(is_archive(bench().file("nothing")), Error);
}
