#include "estimator/presets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include "base/error.hpp"
#include "base/suggest.hpp"
#include "estimator/preset_search.hpp"

namespace dse {
namespace {

constexpr std::array<std::string_view, 4> names{"data", "sequential", "horizontal", "vertical"};
constexpr std::int64_t largest_sum = 64;
constexpr double close_enough = 0.02;

[[noreturn]] void refuse(std::string_view code, const std::string& message) {
  throw Error(ExitCode::usage, code, message);
}

// Shares that sum to `sum`: the whole parts, one at least, then the largest remainders.
std::vector<std::int64_t> shares_of_sum(const std::vector<double>& proportions, std::int64_t sum) {
  std::vector<std::int64_t> shares;
  for (const double proportion : proportions)
    shares.push_back(std::max<std::int64_t>(1, std::int64_t(proportion * double(sum))));
  const auto lacks = [&](std::size_t i) { return proportions[i] * double(sum) - double(shares[i]); };
  std::vector<std::size_t> by_lack(shares.size());
  std::iota(by_lack.begin(), by_lack.end(), std::size_t{0});
  for (std::int64_t left = sum - std::accumulate(shares.begin(), shares.end(), std::int64_t{0}); left != 0;) {
    const bool give = left > 0;
    const auto chosen = std::max_element(by_lack.begin(), by_lack.end(), [&](std::size_t a, std::size_t b) {
      return give ? lacks(a) < lacks(b) : (shares[b] > 1 && (shares[a] == 1 || lacks(a) > lacks(b)));
    });
    shares[*chosen] += give ? 1 : -1;
    left += give ? -1 : 1;
  }
  return shares;
}

double worst_error(const std::vector<double>& proportions, const std::vector<std::int64_t>& shares, std::int64_t sum) {
  double worst = 0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    worst = std::max(worst, std::abs(double(shares[i]) / double(sum) / proportions[i] - 1));
  return worst;
}

void check_devices(const Estimator& estimator, Strategy strategy, const std::vector<std::size_t>& devices) {
  if (devices.size() < 2)
    refuse("STRATEGY-DEVICES", fmt::format("strategy {} divides the network over devices, and {} is named; name at "
                                           "least two with --devices",
                                           to_string(strategy), devices.size()));
  if (std::set<std::size_t>(devices.begin(), devices.end()).size() != devices.size())
    refuse("STRATEGY-DEVICES", "a device is named twice; name each once");
  const std::size_t layers = estimator.network().layers().size();
  if (strategy == Strategy::sequential && devices.size() > layers)
    refuse("STRATEGY-DEVICES",
           fmt::format("{} layers make at most {} stages, and {} devices are named; name fewer with --devices", layers,
                       layers, devices.size()));
}

void check_options(Strategy strategy, const PresetOptions& options) {
  const auto is_one_of = [&](Split a, Split b) { return !options.split || options.split == a || options.split == b; };
  if (strategy == Strategy::horizontal && !is_one_of(Split::channels, Split::inputs))
    refuse("STRATEGY-SPLIT", "the horizontal strategy splits by channels or inputs");
  if (strategy == Strategy::vertical && !is_one_of(Split::rows, Split::tiles))
    refuse("STRATEGY-SPLIT", "the vertical strategy splits by rows or tiles");
  const bool splits = strategy == Strategy::horizontal || strategy == Strategy::vertical;
  if (options.split && !splits)
    refuse("STRATEGY-SPLIT", fmt::format("the {} strategy splits no layer; leave out the split", to_string(strategy)));
  if (options.halo && strategy != Strategy::vertical)
    refuse("STRATEGY-SPLIT", fmt::format("the {} strategy has no halo; leave it out", to_string(strategy)));
}

Mapping horizontal(const Network& network, const std::vector<std::size_t>& devices,
                   const std::vector<std::int64_t>& shares, Split split) {
  Mapping mapping = single_device(network, devices.front());
  Stage& stage = mapping.replicas.front().stages.front();
  stage.devices = devices;
  stage.split = split;
  stage.shares = shares;
  return mapping;
}

}  // namespace

std::string_view to_string(Strategy strategy) { return names[static_cast<std::size_t>(strategy)]; }

Strategy strategy_from_string(std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end())
    refuse("STRATEGY", "unknown strategy '" + printable(text) + "'" + suggestion(text, {names.begin(), names.end()}));
  return static_cast<Strategy>(found - names.begin());
}

double device_speed(const Estimator& estimator, std::size_t device) {
  const Network& network = estimator.network();
  const Plan plan = lower(network, estimator.platform(), single_device(network, device));
  double seconds = 0;
  for (const PlanSegment& segment : plan.segments) seconds += estimator.segment_seconds(plan, segment);
  const double work = network.macs() > 0 ? double(network.macs()) : 1;
  return work / std::max(seconds, std::numeric_limits<double>::min());
}

std::vector<double> device_speeds(const Estimator& estimator) {
  std::vector<double> speeds;
  for (std::size_t d = 0; d < estimator.platform().devices.size(); ++d) speeds.push_back(device_speed(estimator, d));
  return speeds;
}

std::vector<std::int64_t> proportional_shares(const std::vector<double>& speeds) {
  const double all = std::accumulate(speeds.begin(), speeds.end(), 0.0);
  std::vector<double> proportions;
  for (const double speed : speeds) proportions.push_back(speed / all);
  const auto least = static_cast<std::int64_t>(speeds.size());
  std::vector<std::int64_t> best(speeds.size(), 1);
  double best_error = worst_error(proportions, best, least);
  for (std::int64_t sum = least + 1; sum <= largest_sum && best_error > close_enough; ++sum) {
    std::vector<std::int64_t> shares = shares_of_sum(proportions, sum);
    const double error = worst_error(proportions, shares, sum);
    if (error < best_error) best = std::move(shares), best_error = error;
  }
  return best;
}

Mapping preset(const Estimator& estimator, Strategy strategy, const std::vector<std::size_t>& devices,
               const PresetOptions& options) {
  check_devices(estimator, strategy, devices);
  check_options(strategy, options);
  if (strategy == Strategy::sequential)
    return presets::best_pipeline(estimator, devices, options.wire, options.exhaustive);
  std::vector<double> speeds;
  for (const std::size_t device : devices) speeds.push_back(device_speed(estimator, device));
  const std::vector<std::int64_t> shares = proportional_shares(speeds);
  if (strategy == Strategy::data)
    return presets::over_wire(replicated(estimator.network(), devices, shares), options.wire);
  if (strategy == Strategy::horizontal)
    return presets::over_wire(horizontal(estimator.network(), devices, shares, options.split.value_or(Split::channels)),
                              options.wire);
  const std::vector<Halo> halos =
      options.halo ? std::vector{*options.halo} : std::vector{Halo::recompute, Halo::exchange};
  return presets::best_prefix(estimator, devices, shares, {options.split.value_or(Split::rows), halos, options.wire},
                              options.exhaustive);
}

}  // namespace dse
