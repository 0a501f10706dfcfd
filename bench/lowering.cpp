// How long the lowering of one mapping takes: what a search pays for every candidate, before it is estimated.
//
//   bench_lowering [--devices N] [--seconds S] [--only NAME] MODEL...
//
// For every mapping: the least and the median of the times of repeated calls, how long one estimate takes altogether,
// from an outline of the mapping too,
// and a simulation of 200 frames, and the size of what comes out; then how long pipelines of whole layers take that are
// estimated from tables. `--only NAME` repeats one mapping, for a profiler.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <random>
#include <set>

#include "base/error.hpp"
#include "estimator/estimate.hpp"
#include "partition/plan.hpp"
#include "tests/support/deployment.hpp"
#include "tests/support/mappings.hpp"

namespace {

using namespace dse;
using namespace dse::test;
using Seconds = std::chrono::duration<double>;

struct Times {
  double least = 0;
  double median = 0;
};

template <typename Call>
Times measure(double budget, const Call& call) {
  std::vector<double> times;
  double sum = 0;
  while (sum < budget || times.size() < 5) {
    const auto begun = std::chrono::steady_clock::now();
    call();
    times.push_back(Seconds(std::chrono::steady_clock::now() - begun).count());
    sum += times.back();
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

// Whether the shortcut says what the lowered mapping says.
bool agree(const Estimate& a, const Estimate& b) {
  constexpr double rounding = 1e-12;
  const auto same = [](double x, double y) { return std::abs(x - y) <= rounding * std::max(std::abs(x), std::abs(y)); };
  return same(a.latency_s, b.latency_s) && same(a.period_s, b.period_s) && same(a.energy_sum_j, b.energy_sum_j) &&
         same(a.memory_max_bytes, b.memory_max_bytes);
}

std::vector<NamedMapping> mappings_of(const Network& network, std::size_t devices) {
  std::vector<NamedMapping> result = strategies(network, devices, {});
  result.push_back({"one device", single_device(network, 0)});
  std::vector<LayerId> cuts;
  std::vector<std::size_t> order;
  for (std::size_t d = 0; d < devices; ++d) {
    order.push_back(d);
    if (d > 0) cuts.push_back(network.layers().size() * d / devices);
  }
  result.push_back({"stages", contiguous(network, cuts, order)});
  return result;
}

// Contiguous stages on all devices, the cuts wherever they fall.
void run_tabulated(const Estimator& estimator, std::size_t devices, double budget) {
  const std::size_t layers = estimator.network().layers().size();
  std::mt19937_64 random(1);
  std::vector<std::vector<ReplicaRuns>> pipelines(1000);
  for (std::vector<ReplicaRuns>& pipeline : pipelines) {
    std::set<LayerId> ends{layers};
    while (ends.size() < std::min(devices, layers)) ends.insert(1 + random() % (layers - 1));
    pipeline.resize(1);
    LayerId first = 0;
    for (const LayerId end : ends) {
      pipeline[0].runs.push_back({first, end, pipeline[0].runs.size()});
      first = end;
    }
  }
  std::size_t known = 0, wrong = 0;
  for (const auto& pipeline : pipelines) {
    const auto tabulated = estimator.tabulated(pipeline);
    if (!tabulated) continue;
    ++known;
    if (!agree(*tabulated, estimator.estimate(to_mapping(pipeline)))) ++wrong;
  }
  const Times times = measure(budget, [&] {
    for (const auto& pipeline : pipelines) estimator.tabulated(pipeline);
  });
  fmt::print(
      "{} of 1000 random pipelines of whole layers are tabulated, {} wrong: least {:.2f} us, median {:.2f} us each\n",
      known, wrong, 1e3 * times.least, 1e3 * times.median);
}

void run(const std::string& path, std::size_t devices, double budget, const std::string& only) {
  const Network network = Network::import(path);
  const Platform platform = local_platform(devices);
  const Estimator estimator(network, platform);
  fmt::print("{}: {} layers, {} devices\n{:<24}{:>10}{:>10}{:>12}{:>12}{:>15}{:>8}{:>10}{:>10}{:>8}\n", path,
             network.layers().size(), devices, "mapping", "least ms", "median ms", "estimate ms", "outline ms",
             "200 frames ms", "parts", "segments", "messages", "steps");
  for (const NamedMapping& named : mappings_of(network, devices)) {
    if (!only.empty() && named.name != only) continue;
    const Plan plan = lower(network, platform, named.mapping);
    const Times lowering = measure(budget, [&] { lower(network, platform, named.mapping); });
    const Times estimate = measure(budget, [&] { estimator.estimate(named.mapping); });
    const Times outline = measure(budget, [&] { estimator.outlined(named.mapping); });
    const auto outlined = estimator.outlined(named.mapping);
    if (outlined && !agree(*outlined, estimator.estimate(named.mapping)))
      fmt::print("{}: the outline's estimate is not that of the lowered mapping\n", named.name);
    constexpr std::size_t frames = 200;
    const Times simulation = measure(budget, [&] { estimator.simulated_period(plan, frames); });
    fmt::print("{:<24}{:>10.3f}{:>10.3f}{:>12.3f}{:>12.3f}{:>15.2f}{:>8}{:>10}{:>10}{:>8}\n", named.name,
               1e3 * lowering.least, 1e3 * lowering.median, 1e3 * estimate.least, 1e3 * outline.least,
               1e3 * simulation.least, plan.parts.size(), plan.segments.size(), plan.transfers.size(),
               global_order(plan.programs).size());
    std::cout.flush();
  }
  if (only.empty()) run_tabulated(estimator, devices, budget);
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t devices = 4;
  double budget = 0.5;
  std::string only;
  std::vector<std::string> models;
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == "--devices" && i + 1 < words.size())
        devices = std::stoul(words[++i]);
      else if (words[i] == "--seconds" && i + 1 < words.size())
        budget = std::stod(words[++i]);
      else if (words[i] == "--only" && i + 1 < words.size())
        only = words[++i];
      else
        models.push_back(words[i]);
    }
    for (const std::string& model : models) run(model, devices, budget, only);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return models.empty() ? 2 : 0;
}
