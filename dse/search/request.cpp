#include "dse/search/request.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.hpp"
#include "base/suggest.hpp"

namespace dse::search {
namespace {

using Json = nlohmann::ordered_json;

// Throughput is what most people ask for first, so period is one of the defaults.
const std::vector<std::string> default_objectives{"latency", "period", "energy-max", "memory-max"};
constexpr std::int64_t default_evaluations = 5000, most_evaluations = 1'000'000'000;
constexpr std::size_t default_population = 100;

[[noreturn]] void refuse(std::string_view code, std::string_view message) {
  throw Error(ExitCode::usage, code, message);
}

std::vector<Objective> read_objectives(const std::vector<std::string>& names) {
  std::vector<Objective> objectives;
  for (const std::string& name : names) {
    const Objective objective = objective_from_string(name);
    if (std::find(objectives.begin(), objectives.end(), objective) != objectives.end()) {
      refuse("OBJECTIVES", fmt::format("--objectives names '{}' twice", name));
    }
    objectives.push_back(objective);
  }
  if (objectives.size() < 2 || objectives.size() > 5) {
    refuse("OBJECTIVES", fmt::format("--objectives takes two to five names, {} are given", objectives.size()));
  }
  return objectives;
}

Strategies read_strategies(const std::vector<std::string>& names) {
  Strategies strategies{false, false, false, false, false};
  const std::vector<std::string> known{"data", "sequential", "horizontal", "vertical", "hybrid"};
  for (const std::string& name : names) {
    if (name == "data")
      strategies.data = true;
    else if (name == "sequential")
      strategies.sequential = true;
    else if (name == "hybrid")
      strategies.hybrid = true;
    else if (name == "horizontal")
      strategies.horizontal = true;
    else if (name == "vertical")
      strategies.vertical = true;
    else {
      refuse("STRATEGIES", fmt::format("there is no strategy '{}'{}", printable(name), suggestion(name, known)));
    }
  }
  if (strategies.hybrid && names.size() == 1) strategies.horizontal = strategies.vertical = true;
  return strategies;
}

constexpr std::pair<std::string_view, Wire> wire_names[] = {
    {"full", Wire::full}, {"fp16", Wire::fp16}, {"int8", Wire::int8}};

// Full, and those named.
std::vector<Wire> read_wires(const std::vector<std::string>& names) {
  std::vector<Wire> wires{Wire::full};
  for (const std::string& name : names) {
    const auto known = std::find_if(std::begin(wire_names), std::end(wire_names),
                                    [&](const auto& entry) { return entry.first == name; });
    if (known == std::end(wire_names))
      refuse("WIRES", fmt::format("there is no wire format '{}'{}", printable(name),
                                  suggestion(name, std::vector<std::string>{"full", "fp16", "int8"})));
    if (std::find(wires.begin(), wires.end(), known->second) == wires.end()) wires.push_back(known->second);
  }
  std::sort(wires.begin(), wires.end());
  return wires;
}

Request from_json(const std::string& text) try {
  const Json document = Json::parse(text);
  Request request;
  request.search.objectives = read_objectives(document.at("objectives").get<std::vector<std::string>>());
  for (const std::string& limit : document.at("limits").get<std::vector<std::string>>()) {
    request.search.limits.push_back(parse_limit(limit));
  }
  request.strategies = read_strategies(document.at("strategies").get<std::vector<std::string>>());
  if (document.contains("wires"))
    request.strategies.wires = read_wires(document["wires"].get<std::vector<std::string>>());
  request.search.algorithm = document.at("algorithm").get<std::string>();
  request.search.population = document.at("population").get<std::size_t>();
  request.search.seed = document.at("seed").get<std::uint64_t>();
  request.shapes = document.at("shapes").get<std::vector<std::string>>();
  if (document.contains("time_s")) request.seconds = document.at("time_s").get<double>();
  request.search.evaluations = document.value("evaluations", most_evaluations);
  request.search.target_hypervolume = document.value("target_hypervolume", 0.0);
  request.search.stagnation = document.value("stagnation", std::int64_t{0});
  request.search.keep_all = document.value("keep", std::string("front")) == "all";
  return request;
} catch (const Json::exception&) {
  throw Error(ExitCode::database, "RESUME-OPTIONS", "the stored run's options cannot be read; start a new run");
}

// Everything but the budget: what a resumed run may not change.
Json fixed_part(const Request& request) {
  Json document;
  document["objectives"] = Json::array();
  for (Objective objective : request.search.objectives)
    document["objectives"].push_back(std::string(to_string(objective)));
  document["limits"] = Json::array();
  for (const Limit& limit : request.search.limits) document["limits"].push_back(to_string(limit));
  document["strategies"] = Json::array();
  if (request.strategies.data) document["strategies"].push_back("data");
  if (request.strategies.sequential) document["strategies"].push_back("sequential");
  if (request.strategies.horizontal) document["strategies"].push_back("horizontal");
  if (request.strategies.vertical) document["strategies"].push_back("vertical");
  if (request.strategies.hybrid) document["strategies"].push_back("hybrid");
  if (request.strategies.wires.size() > 1)
    for (const auto& [name, wire] : wire_names)
      if (std::count(request.strategies.wires.begin(), request.strategies.wires.end(), wire) > 0)
        document["wires"].push_back(name);
  document["algorithm"] = request.search.algorithm;
  document["population"] = request.search.population;
  document["seed"] = request.search.seed;
  document["shapes"] = request.shapes;
  if (request.search.keep_all) document["keep"] = "all";
  return document;
}

// Above 0 and below 1.
double share_of_one(const Arguments& arguments, const std::string& name) {
  const std::string text = arguments.text(name);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || !(value > 0) || value >= 1)
    refuse("NUMBER", fmt::format("{} takes a number between 0 and 1, such as 0.8, not '{}'", name, printable(text)));
  return value;
}

void read_budget(const Arguments& arguments, Request& request) {
  if (arguments.has("--evaluations") && arguments.has("--time")) {
    refuse("BUDGET", "--evaluations and --time cannot both be given: choose one budget");
  }
  if (arguments.has("--evaluations")) {
    request.search.evaluations = arguments.integer("--evaluations", 1, most_evaluations);
    request.seconds.reset();
  }
  if (arguments.has("--time")) {
    request.seconds = arguments.seconds("--time");
    request.search.evaluations = most_evaluations;
  }
  if (arguments.has("--target-hypervolume"))
    request.search.target_hypervolume = share_of_one(arguments, "--target-hypervolume");
  if (arguments.has("--stagnation")) request.search.stagnation = arguments.integer("--stagnation", 1, most_evaluations);
}

void read_rest(const Arguments& arguments, Request& request) {
  if (arguments.has("--objectives")) request.search.objectives = read_objectives(arguments.comma_list("--objectives"));
  if (arguments.has("--limit")) {
    request.search.limits.clear();
    for (const std::string& text : arguments.list("--limit")) request.search.limits.push_back(parse_limit(text));
    std::stable_sort(request.search.limits.begin(), request.search.limits.end(),
                     [](const Limit& a, const Limit& b) { return a.objective < b.objective; });
  }
  if (arguments.has("--strategies")) {
    const std::vector<Wire> wires = request.strategies.wires;
    request.strategies = read_strategies(arguments.comma_list("--strategies"));
    request.strategies.wires = wires;
  }
  if (arguments.has("--wires")) request.strategies.wires = read_wires(arguments.comma_list("--wires"));
  if (arguments.has("--algorithm")) request.search.algorithm = algorithm_named(arguments.text("--algorithm")).name;
  if (arguments.has("--population")) {
    request.search.population = static_cast<std::size_t>(arguments.integer("--population", 4, 100'000));
  }
  if (arguments.has("--seed")) {
    request.search.seed = static_cast<std::uint64_t>(arguments.integer("--seed", 0, std::int64_t{1} << 62));
  }
  if (arguments.has("--keep")) request.search.keep_all = arguments.text("--keep") == "all";
  if (arguments.has("--shape")) request.shapes = arguments.list("--shape");
}

}  // namespace

std::vector<OptionSpec> request_options() {
  std::string algorithm_text = "how to search:";
  std::vector<std::string> algorithm_names;
  for (const AlgorithmEntry& entry : algorithms()) {
    algorithm_text += fmt::format("{} {} ({})", algorithm_names.empty() ? "" : ";", entry.name, entry.text);
    algorithm_names.emplace_back(entry.name);
  }
  return {
      {.name = "--objectives",
       .value = "A,B,C",
       .text = fmt::format(
           "two to five of latency, period, energy-max, energy-sum, memory-max, devices, survivability (default {})",
           fmt::join(default_objectives, ",")),
       .fallback = {},
       .choices = {}},
      {.name = "--limit",
       .value = "OBJECTIVE=VALUE",
       .text = "an upper limit, e.g. latency=50ms (survivability: a lower one)",
       .repeated = true,
       .fallback = {},
       .choices = {}},
      {.name = "--strategies",
       .value = "A,B",
       .text = "which of data, sequential, horizontal, vertical, and hybrid: several of them at once (default all)",
       .fallback = {},
       .choices = {}},
      {.name = "--wires",
       .value = "A,B",
       .text =
           "which of fp16 and int8 results may travel as beside full, where that is better; outputs are then only as "
           "exact as these (default neither)",
       .fallback = {},
       .choices = {}},
      {.name = "--algorithm",
       .value = "NAME",
       .text = algorithm_text + " (default dse)",
       .fallback = {},
       .choices = algorithm_names},
      {.name = "--evaluations",
       .value = "N",
       .text = fmt::format("stop after N distinct mappings (default {})", default_evaluations),
       .fallback = {},
       .choices = {}},
      {.name = "--time",
       .value = "TIME",
       .text = "stop after a time such as 30s or 5m instead",
       .fallback = {},
       .choices = {}},
      {.name = "--target-hypervolume",
       .value = "SHARE",
       .text = "stop earlier where the front's hypervolume, as it is printed, is at least that",
       .fallback = {},
       .choices = {}},
      {.name = "--stagnation",
       .value = "N",
       .text = "stop earlier where the hypervolume grew by less than a thousandth in N generations",
       .fallback = {},
       .choices = {}},
      {.name = "--keep",
       .value = "WHAT",
       .text = "what the archive keeps: the front and what was on it (default), or all mappings that were evaluated",
       .fallback = {},
       .choices = {"front", "all"}},
      {.name = "--population",
       .value = "N",
       .text = fmt::format("members of a generation (default {})", default_population),
       .fallback = {},
       .choices = {}},
      {.name = "--seed",
       .value = "N",
       .text = "of the randomness; the same seed gives the same front (default 1)",
       .fallback = {},
       .choices = {}},
      {.name = "--threads",
       .value = "N",
       .text = "evaluate on N threads (default all cores); does not change the result",
       .fallback = {},
       .choices = {}},
  };
}

Request read_request(const Arguments& arguments, const std::string* stored) {
  Request request;
  if (stored != nullptr) {
    request = from_json(*stored);
  } else {
    request.search.objectives = read_objectives(default_objectives);
    request.search.evaluations = default_evaluations;
    request.search.population = default_population;
  }
  const Json before = fixed_part(request);
  read_budget(arguments, request);
  read_rest(arguments, request);
  if (stored != nullptr && fixed_part(request) != before) {
    const Json difference = Json::diff(before, fixed_part(request));
    const std::string path = difference.at(0).at("path").get<std::string>();
    const std::string name = path.substr(1, path.find('/', 1) - 1);
    refuse("RESUME-OPTIONS",
           fmt::format("the run to resume was started with other {}: {}; only the budget and --threads may differ",
                       name, before.at(name).dump()));
  }
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  request.search.threads =
      arguments.has("--threads") ? static_cast<int>(arguments.integer("--threads", 1, 1024)) : static_cast<int>(cores);
  return request;
}

std::string to_json(const Request& request) {
  Json document = fixed_part(request);
  if (request.seconds)
    document["time_s"] = *request.seconds;
  else
    document["evaluations"] = request.search.evaluations;
  if (request.search.target_hypervolume > 0) document["target_hypervolume"] = request.search.target_hypervolume;
  if (request.search.stagnation > 0) document["stagnation"] = request.search.stagnation;
  return document.dump();
}

}  // namespace dse::search
