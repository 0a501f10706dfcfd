#include <doctest/doctest.h>

#include "base/error.hpp"
#include "dse/search/request.hpp"

using namespace dse;
using namespace dse::search;

namespace {

Arguments arguments(const std::vector<std::pair<std::string, std::string>>& values) {
  Arguments result;
  for (const auto& [name, value] : values) result.set(name, value);
  return result;
}

std::string code_of(const std::vector<std::pair<std::string, std::string>>& values,
                    const std::string* stored = nullptr) {
  try {
    read_request(arguments(values), stored);
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::usage);
    return error.code();
  }
  return "";
}

}  // namespace

TEST_CASE("limits read units, and refuse what is none") {
  CHECK(parse_limit("latency=50ms").value == doctest::Approx(0.05));
  CHECK(parse_limit("period=0.25").value == doctest::Approx(0.25));
  CHECK(parse_limit("memory-max=512 MiB").value == 512.0 * 1024 * 1024);
  CHECK(parse_limit("energy-max=200 mJ").value == doctest::Approx(0.2));
  CHECK(parse_limit("devices=2").value == 2);
  for (const char* text : {"latency", "latency=", "latency=fast", "latency=50 MiB", "latency=-1", "latency=0",
                           "devices=2 s", "lateny=1", "latency=1e999", "latency=nan"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_limit(text), Error);
    CHECK(code_of({{"--limit", text}}) != "");
  }
  const Limit limit{Objective::latency, 0.123456789012345};
  CHECK(parse_limit(to_string(limit)).value == limit.value);
}

TEST_CASE("a limit makes an estimate infeasible by its relative excess, survivability from below") {
  Estimate estimate;
  estimate.latency_s = 0.3;
  estimate.survivability = 0.4;
  apply_limits(estimate, std::vector<Limit>{{Objective::latency, 0.4}, {Objective::survivability, 0.3}});
  CHECK(estimate.feasible);
  apply_limits(estimate, std::vector<Limit>{{Objective::latency, 0.2}, {Objective::survivability, 0.5}});
  CHECK(!estimate.feasible);
  CHECK(estimate.violation == doctest::Approx(0.6));
  CHECK(estimate.reason.find("latency 300.000 ms is above the limit of 200.000 ms") != std::string::npos);
  CHECK(estimate.reason.find("survivability") != std::string::npos);
}

TEST_CASE("requests keep to what can be searched") {
  CHECK(read_request(arguments({})).search.objectives.size() == 4);
  CHECK(code_of({{"--objectives", "latency"}}) == "OBJECTIVES");
  CHECK(code_of({{"--objectives", "latency,latency"}}) == "OBJECTIVES");
  CHECK(code_of({{"--objectives", "latency,speed"}}) == "OBJECTIVE");
  CHECK(read_request(arguments({})).strategies.wires == std::vector<Wire>{Wire::full});
  const Request wires = read_request(arguments({{"--wires", "int8,fp16"}}));
  CHECK(wires.strategies.wires == std::vector<Wire>{Wire::full, Wire::fp16, Wire::int8});
  const std::string stored = to_json(wires);
  CHECK(read_request(arguments({}), &stored).strategies.wires == wires.strategies.wires);
  CHECK(read_request(arguments({{"--strategies", "vertical"}})).strategies.vertical);
  CHECK(!read_request(arguments({{"--strategies", "vertical"}})).strategies.horizontal);
  CHECK(read_request(arguments({{"--strategies", "hybrid"}})).strategies.horizontal);
  CHECK(!read_request(arguments({{"--strategies", "sequential,hybrid"}})).strategies.horizontal);
  CHECK(code_of({{"--strategies", "sequental"}}) == "STRATEGIES");
  CHECK(code_of({{"--wires", "fp61"}}) == "WIRES");
  CHECK(code_of({{"--algorithm", "nsga3"}}) == "ALGORITHM");
  CHECK(code_of({{"--evaluations", "10"}, {"--time", "3s"}}) == "BUDGET");
  CHECK(code_of({{"--evaluations", "0"}}) == "OPTION-VALUE");
  CHECK(code_of({{"--population", "3"}}) == "OPTION-VALUE");
}

TEST_CASE("a stored request comes back, and only its budget may change") {
  const Request request = read_request(arguments({{"--objectives", "latency,devices"},
                                                  {"--limit", "memory-max=1GiB"},
                                                  {"--limit", "latency=50ms"},
                                                  {"--seed", "9"},
                                                  {"--strategies", "sequential"},
                                                  {"--population", "12"},
                                                  {"--evaluations", "77"},
                                                  {"--shape", "x=1x3x8x8"}}));
  const std::string stored = to_json(request);
  const Request again = read_request(arguments({}), &stored);
  CHECK(to_json(again) == stored);
  CHECK(again.search.evaluations == 77);
  CHECK(again.shapes == std::vector<std::string>{"x=1x3x8x8"});
  CHECK(read_request(arguments({{"--evaluations", "500"}, {"--seed", "9"}}), &stored).search.evaluations == 500);
  CHECK(code_of({{"--seed", "10"}}, &stored) == "RESUME-OPTIONS");
  CHECK(code_of({{"--objectives", "latency,period"}}, &stored) == "RESUME-OPTIONS");
  CHECK(code_of({{"--strategies", "data"}}, &stored) == "RESUME-OPTIONS");
  CHECK(code_of({{"--limit", "latency=60ms"}}, &stored) == "RESUME-OPTIONS");
}
