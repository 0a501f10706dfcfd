// Cases that random networks found wrong once, made small: what random_networks.cpp and bench_random print on a
// failure.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/random_case.hpp"

using namespace dse::test;

namespace {

struct Regression {
  std::string what;
  std::string text;
};

const Regression regressions[] = {
    {"a device's channels are read by nobody: its part computed nothing",
     R"({"network":{"inputs":[[1,1,1]],"nodes":[{"op":"Conv","name":"n3","in":[0],"channels":[7]},{"op":"Gather","name":"n4","in":[1],"indices":[0,1,1]}],"outputs":[2]},"devices":4,"input":0,"everywhere":false,"output":0,"mapping":{"dse":"mapping/1","frames_in_flight":5,"replicas":[{"share":1,"stages":[{"layers":["n3","n4"],"devices":["d3","d0","d2","d1"],"split":"channels"}]}]}})"},
    {"two layers repeat a DequantizeLinear, one whole and one in parts: two nodes had its name",
     R"({"network":{"inputs":[[1,1,2,1]],"nodes":[{"op":"Quantise","name":"n0","in":[0]},{"op":"Transpose","name":"n2","in":[1]},{"op":"Conv","name":"n4","in":[1],"channels":[18]},{"op":"Concat","name":"n5","in":[3,3,3]},{"op":"Split","name":"n7","in":[4],"sizes":[8,40,6]}],"outputs":[2,6]},"devices":4,"input":0,"everywhere":false,"output":0,"mapping":{"dse":"mapping/1","frames_in_flight":5,"replicas":[{"share":1,"stages":[{"layers":["n0.q","n7"],"devices":["d3","d0"],"split":"channels"}]}]}})"},
    {"an output that a Transpose reads in front of a QuantizeLinear: the engine showed it quantised",
     R"({"network":{"inputs":[[1,1,1,1]],"nodes":[{"op":"Gather","name":"n0","in":[0]},{"op":"Transpose","name":"n1","in":[1]},{"op":"Quantise","name":"n2","in":[2],"exponent":[1]},{"op":"Quantise","name":"n5","in":[1]}],"outputs":[3,4]},"devices":3,"input":0,"everywhere":false,"output":0,"mapping":{"dse":"mapping/1","frames_in_flight":5,"replicas":[{"share":2,"stages":[{"layers":["n0","n1"],"devices":["d2"]},{"layers":["n5.q","n5.q"],"devices":["d1"]}]}]}})"},
};

}  // namespace

TEST_CASE("cases that were wrong once are exact") {
  for (const Regression& regression : regressions) {
    CAPTURE(regression.what);
    const CaseVerdict verdict = run_case(random_case_from_json(regression.text));
    CHECK_MESSAGE(!verdict.failed, verdict.reason);
  }
}
