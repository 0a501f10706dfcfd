// Mappings: constructors, checks with their places, YAML and JSON round trips, names of strategies.
#include "partition/mapping.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <random>

#include "base/error.hpp"
#include "models/zoo.hpp"
#include "platform/yaml_door.hpp"

using namespace dse;

namespace {

const Network& network() {
  static const Network imported = [] {
    TempDir folder("dse-mapping-test-");
    zoo::make("squeezenet1.1", folder.path() / "net.onnx");
    return Network::import(folder.path() / "net.onnx");
  }();
  return imported;
}

const Platform& platform() {
  static const Platform read = parse_platform(
      "dse: platform/1\ndevices:\n"
      "  - {name: nano0, host: nano0.local, cores: 4, memory: 1 GiB}\n"
      "  - {name: pi0, host: pi0.local, cores: 2, memory: 1 GiB}\n"
      "  - {name: pi1, host: pi1.local, cores: 4, memory: 1 GiB}\n"
      "networks:\n  - {name: lan, members: [nano0, pi0, pi1], bandwidth: 1 Gbit/s, latency: 100 us}\n",
      "lab.yaml");
  return read;
}

std::size_t count() { return network().layers().size(); }
std::string name(LayerId id) { return yaml::quote(network().layers().at(id).name); }
std::string last() { return name(count() - 1); }

template <typename Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    return fmt::format("{} {}:{}", error.code(), error.place().line, error.place().column);
  }
  return "";
}

Mapping parse(const std::string& text) { return parse_mapping(text, "m.yaml", network(), platform()); }
std::string parse_error(const std::string& text) {
  return error_of([&] { parse(text); });
}
std::string check_error(const Mapping& mapping) {
  return error_of([&] { check(mapping, network(), platform()); });
}

std::string with_stages(const std::string& stages) {
  return "dse: mapping/1\nreplicas:\n  - share: 1\n    stages:\n" + stages;
}
// Two stages cut before layer `cut`, with `extra` in the second; the second stage stands in line 6, column 9.
std::string two_stages(const std::string& extra = "", LayerId cut = 5) {
  return with_stages(
      fmt::format("      - {{layers: [{}, {}], devices: [nano0]}}\n      - {{layers: [{}, {}], devices: [pi0]{}}}\n",
                  name(0), name(cut - 1), name(cut), last(), extra));
}

}  // namespace

TEST_CASE("constructors make mappings that pass the check") {
  CHECK(check_error(single_device(network(), 1)) == "");
  CHECK(check_error(contiguous(network(), {3, 9}, {0, 1, 2})) == "");
  CHECK(check_error(replicated(network(), {0, 2}, {3, 1})) == "");
  const Mapping stages = contiguous(network(), {3, 9}, {0, 1, 0});
  REQUIRE(stages.replicas.size() == 1);
  REQUIRE(stages.replicas[0].stages.size() == 3);
  CHECK(stages.replicas[0].stages[1].layers.front() == 3);
  CHECK(stages.replicas[0].stages[1].layers.back() == 8);
  CHECK(replicated(network(), {0, 2}, {3, 1}).replicas[0].share == 3);
  CHECK_THROWS_AS(contiguous(network(), {3}, {0}), const Error&);
  CHECK_THROWS_AS(contiguous(network(), {9, 3}, {0, 1, 2}), const Error&);
  CHECK_THROWS_AS(contiguous(network(), {0}, {0, 1}), const Error&);
  CHECK_THROWS_AS(contiguous(network(), {count()}, {0, 1}), const Error&);
  CHECK_THROWS_AS(replicated(network(), {0, 1}, {1}), const Error&);
}

TEST_CASE("a mapping in YAML is the one built by hand") {
  CHECK(parse(two_stages()) == contiguous(network(), {5}, {0, 1}));
  Mapping threads = contiguous(network(), {5}, {0, 1});
  threads.replicas[0].stages[1].threads = 2;
  threads.replicas[0].stages[1].wire = Wire::int8;
  threads.frames_in_flight = 3;
  CHECK(parse("frames_in_flight: 3\n" + two_stages(", threads: 2, split: none, wire: int8, halo: exchange")) ==
        threads);
}

TEST_CASE("stages are sorted by their first layer, names in `only` in any order") {
  const std::string swapped = with_stages(
      fmt::format("      - {{layers: [{}, {}], devices: [pi0]}}\n      - {{only: [{}, {}], devices: [nano0]}}\n",
                  name(2), last(), name(1), name(0)));
  CHECK(parse(swapped) == contiguous(network(), {2}, {0, 1}));
}

TEST_CASE("YAML and JSON round-trip, and equal mappings have equal text") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 60; ++round) {
    Mapping mapping;
    for (std::size_t r = 0; r <= random() % 3; ++r) {
      std::vector<Stage> stages(1 + random() % 4);
      for (LayerId id = 0; id < count(); ++id)
        stages[id < stages.size() ? id : random() % stages.size()].layers.push_back(id);
      for (Stage& stage : stages) stage.devices = {random() % 3};
      mapping.replicas.push_back({static_cast<std::int64_t>(1 + random() % 9), stages});
    }
    mapping.frames_in_flight = static_cast<int>(random() % 4);
    const std::string yaml_text = to_yaml(mapping, network(), platform()),
                      json = to_json(mapping, network(), platform());
    CHECK(parse(yaml_text) == mapping);
    CHECK(mapping_from_json(json, "archive", network(), platform()) == mapping);
    Mapping shuffled = mapping;
    for (ReplicaMapping& replica : shuffled.replicas)
      std::shuffle(replica.stages.begin(), replica.stages.end(), random);
    CHECK(to_json(shuffled, network(), platform()) == json);
    CHECK(to_yaml(shuffled, network(), platform()) == yaml_text);
  }
}

TEST_CASE("JSON leaves defaults out, in one fixed order") {
  Mapping mapping = contiguous(network(), {5}, {0, 1});
  mapping.replicas[0].stages[1].threads = 1;
  const auto& layers = network().layers();
  CHECK(to_json(mapping, network(), platform()) ==
        fmt::format(
            R"({{"dse":"mapping/1","replicas":[{{"share":1,"stages":[{{"layers":["{}","{}"],"devices":["nano0"]}},)"
            R"({{"layers":["{}","{}"],"devices":["pi0"],"threads":1}}]}}]}})",
            layers[0].name, layers[4].name, layers[5].name, layers.back().name));
}

TEST_CASE("layers: each exactly once, and known") {
  const std::string gap =
      with_stages(fmt::format("      - {{layers: [{}, {}], devices: [nano0]}}\n", name(0), name(count() - 3)));
  CHECK(parse_error(gap) == "MAPPING-LAYER-MISSING 3:5");
  const std::string overlap = with_stages(
      fmt::format("      - {{layers: [{}, {}], devices: [nano0]}}\n      - {{layers: [{}, {}], devices: [pi0]}}\n",
                  name(0), name(5), name(5), last()));
  CHECK(parse_error(overlap) == "MAPPING-LAYER-TWICE 6:9");
  CHECK(parse_error(with_stages("      - {layers: [nonsense, x], devices: [pi0]}\n")) == "MAPPING-LAYER 5:19");
  CHECK(parse_error(with_stages(fmt::format("      - {{layers: [{}], devices: [pi0]}}\n", name(0)))) ==
        "MAPPING-LAYERS 5:18");
  CHECK(parse_error(with_stages(fmt::format("      - {{layers: [{}, {}], devices: [pi0]}}\n", last(), name(0)))) ==
        "MAPPING-LAYERS 5:18");
  CHECK(parse_error(with_stages(fmt::format("      - {{only: [{}, {}], devices: [pi0]}}\n", name(0), name(0))))
            .starts_with("MAPPING-LAYER-TWICE 5:"));
  CHECK(parse_error(with_stages("      - {only: [], devices: [pi0]}\n")) == "MAPPING-LAYERS 5:9");
  CHECK(parse_error(with_stages("      - {devices: [pi0]}\n")) == "YAML-MISSING 5:9");
  CHECK(parse_error(two_stages(", only: [x]")).starts_with("MAPPING-LAYERS 6:"));
  CHECK(parse_error("dse: mapping/1\nreplicas:\n  - stages: []\n") == "MAPPING-LAYER-MISSING 3:5");
  CHECK(parse_error("dse: mapping/1\nreplicas: []\n") == "MAPPING-REPLICAS 2:11");
}

TEST_CASE("a misspelt layer or device is suggested") {
  std::string layer = network().layers()[7].name;
  layer[layer.size() - 1] = '~';
  const auto message = [](const std::string& text) {
    try {
      parse(text);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(with_stages(fmt::format("      - {{layers: [{}, {}], devices: [pi0]}}\n", yaml::quote(layer), last())))
            .find("did you mean '") != std::string::npos);
  const std::string device =
      message(with_stages(fmt::format("      - {{layers: [{}, {}], devices: [nan0]}}\n", name(0), last())));
  CHECK(device.find("error[MAPPING-DEVICE]: the platform has no device 'nan0', did you mean 'nano0'?") !=
        std::string::npos);
}

TEST_CASE("devices, threads and shares") {
  CHECK(parse_error(two_stages(", threads: 3")) == "MAPPING-THREADS 6:9");
  CHECK(parse_error(two_stages(", threads: -1")).starts_with("YAML-RANGE 6:"));
  CHECK(parse_error(two_stages(", shares: [1, 2]")).starts_with("MAPPING-SHARES 6:"));
  CHECK(parse_error(two_stages(", shares: [1]")) == "MAPPING-SHARES 6:9");
  CHECK(parse_error(two_stages(", thread: 1")).starts_with("YAML-KEY 6:"));
  const auto all_on = [](const std::string& devices) {
    return with_stages(fmt::format("      - {{layers: [{}, {}], devices: {}}}\n", name(0), last(), devices));
  };
  CHECK(parse_error(all_on("[pi0, pi1]")) == "MAPPING-DEVICES 5:9");
  CHECK(parse_error(all_on("[pi0, pi0]")) == "MAPPING-DEVICES 5:9");
  CHECK(parse_error(all_on("[]")) == "MAPPING-DEVICES 5:9");
  CHECK(parse_error(all_on("pi0")).starts_with("YAML-TYPE 5:"));
  Mapping unequal = contiguous(network(), {3, 9}, {0, 1, 0});
  unequal.replicas[0].stages[0].threads = 2;
  CHECK(check_error(unequal) == "MAPPING-THREADS 0:0");
  unequal.replicas[0].stages[2].threads = 2;
  CHECK(check_error(unequal) == "");
  unequal.replicas[0].stages[0].threads = 0;
  unequal.replicas[0].stages[2].threads = 4;  // nano0's cores, which 0 means
  CHECK(check_error(unequal) == "");
}

TEST_CASE("splits are parsed with their shares") {
  for (const char* split : {"channels", "inputs", "rows", "tiles", "batch"}) {
    CAPTURE(split);
    const std::string text = with_stages(fmt::format(
        "      - {{layers: [{}, {}], devices: [nano0, pi0], split: {}, shares: [3, 2]}}\n", name(0), last(), split));
    CHECK(parse_error(text) == "");
    const auto with_shares = [&](const char* devices, const char* shares) {
      return with_stages(fmt::format("      - {{layers: [{}, {}], devices: {}, split: {}, shares: {}}}\n", name(0),
                                     last(), devices, split, shares));
    };
    CHECK(parse_error(with_shares("[nano0]", "[1]")) == "MAPPING-SPLIT 5:9");
    CHECK(parse_error(with_shares("[nano0, pi0]", "[1]")).starts_with("MAPPING-SHARES 5:"));
    CHECK(parse_error(with_shares("[nano0, pi0]", "[1, 0]")).starts_with("YAML-RANGE 5:"));
  }
  CHECK(parse_error(two_stages(", split: row")).starts_with("YAML-VALUE 6:"));
  for (const char* wire : {"full", "fp16", "int8"})
    CHECK(parse_error(two_stages(fmt::format(", wire: {}", wire))) == "");
  CHECK(parse_error(two_stages(", wire: fp8")).starts_with("YAML-VALUE 6:"));
  CHECK(parse_error(two_stages(", halo: recompute")) == "MAPPING-HALO 6:9");
}

TEST_CASE("a mapping built by hand is checked as well") {
  CHECK(check_error(Mapping{}) == "MAPPING-REPLICAS 0:0");
  const Mapping good = contiguous(network(), {5}, {0, 1});
  const auto broken = [&](const std::function<void(Mapping&)>& edit) {
    Mapping mapping = good;
    edit(mapping);
    return check_error(mapping);
  };
  CHECK(broken([](Mapping& m) { m.frames_in_flight = -1; }) == "MAPPING-FRAMES 0:0");
  CHECK(broken([](Mapping& m) { m.replicas[0].share = 0; }) == "MAPPING-SHARE 0:0");
  CHECK(broken([](Mapping& m) { m.replicas[0].stages[0].devices = {7}; }) == "MAPPING-DEVICE 0:0");
  CHECK(broken([](Mapping& m) { m.replicas[0].stages[0].layers.push_back(count()); }) == "MAPPING-LAYER 0:0");
  CHECK(broken([](Mapping& m) { std::swap(m.replicas[0].stages[0].layers[0], m.replicas[0].stages[0].layers[1]); }) ==
        "MAPPING-LAYERS 0:0");
  CHECK(broken([](Mapping& m) { m.replicas[0].stages[0].layers.pop_back(); }) == "MAPPING-LAYER-MISSING 0:0");
  CHECK(broken([](Mapping& m) { m.replicas[0].stages.clear(); }) == "MAPPING-LAYER-MISSING 0:0");
  CHECK(broken([](Mapping& m) { m.replicas.resize(1025, m.replicas[0]); }) == "MAPPING-REPLICAS 0:0");
}

TEST_CASE("JSON from outside is checked") {
  const auto json_error = [](const std::string& text) {
    return error_of([&] { mapping_from_json(text, "row 7", network(), platform()); });
  };
  CHECK(json_error("") == "MAPPING-JSON 0:0");
  CHECK(json_error("dse: mapping/1") == "MAPPING-JSON 0:0");
  CHECK(json_error("{}") == "YAML-FORMAT 1:1");
  CHECK(json_error(R"({"dse":"mapping/2","replicas":[]})") == "YAML-VERSION 1:8");
  CHECK(json_error(R"({"dse":"mapping/1","replicas":[],"replicas":[]})").starts_with("YAML-DUPLICATE 1:"));
  CHECK(json_error(std::string(100'000, '[')) == "MAPPING-JSON 0:0");
  CHECK(json_error(std::string(1000, '[') + std::string(1000, ']')).starts_with("YAML-DEPTH 1:"));
}

TEST_CASE("strategies have the literature's names") {
  const Mapping single = single_device(network(), 1);
  CHECK(strategy_name(single) == "single");
  CHECK(strategy_name(contiguous(network(), {5}, {1, 1})) == "single");
  CHECK(strategy_name(contiguous(network(), {5}, {0, 1})) == "sequential");
  CHECK(strategy_name(replicated(network(), {0, 1}, {})) == "data");
  Mapping hybrid = replicated(network(), {0, 1}, {});
  hybrid.replicas[1] = contiguous(network(), {5}, {1, 2}).replicas[0];
  CHECK(strategy_name(hybrid) == "hybrid");
  const auto split = [&](Split one, Split other, std::vector<std::size_t> team) {
    Mapping mapping = contiguous(network(), {5}, {0, 1});
    auto& stages = mapping.replicas[0].stages;
    stages[0].split = one;
    stages[0].devices = {0, 1};
    stages[1].split = other;
    stages[1].devices = std::move(team);
    return std::string(strategy_name(mapping));
  };
  CHECK(split(Split::channels, Split::inputs, {0, 1}) == "horizontal");
  CHECK(split(Split::rows, Split::tiles, {1, 0}) == "vertical");
  CHECK(split(Split::rows, Split::none, {0}) == "vertical");
  CHECK(split(Split::rows, Split::none, {2}) == "hybrid");
  CHECK(split(Split::rows, Split::channels, {0, 1}) == "hybrid");
  CHECK(split(Split::rows, Split::rows, {1, 2}) == "hybrid");
}
