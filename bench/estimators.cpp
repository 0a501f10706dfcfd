// How far the estimates are from what then runs: the figures that docs/estimators.md publishes.
//
//   bench_estimators PLATFORM.yaml [--rounds N] [--random N] [--seed N] [--frames N] [--record FILE | --replay FILE]
//                    [--steps] MODEL...
//
// The platform's first two devices must be local, with the profiles that `dse calibrate --platform` wrote. Of every
// network, the mapping to the first device alone and to two devices - the four strategies, and N (default 3) random
// ones: contiguous stages, layers here and there, splits - are written as packages and estimated; then all packages are
// run over MPI in turn, N rounds (default 5; 0: kernels only) of all of them, and the medians are compared. Nothing
// that is measured here flows back into the estimates. Beside every error stands how far single rounds were from their
// own median.
//
// --record FILE keeps what was measured as JSON, --replay FILE compares the estimates with it instead of running again:
// how much better other estimates are, on the same runs. --steps tells of every run step: its layers, the device, its
// part of the first layer's work, seconds as estimated and as measured.
//
// Kernels are compared apart: every layer of every network alone, and those parts of it that calibration would measure,
// each with one engine call and the cuts at its ports.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "deploy/package.hpp"
#include "deploy/reference.hpp"
#include "dse/commands/device_calibration.hpp"
#include "dse/commands/subject.hpp"
#include "estimator/costs.hpp"
#include "estimator/estimate.hpp"
#include "estimator/presets.hpp"
#include "tests/support/mappings.hpp"
#include "validator/launch.hpp"
#include "validator/measure.hpp"

namespace {

using namespace dse;

struct Options {
  std::size_t rounds = 5, random = 3, frames = 0;
  std::uint64_t seed = 1;
  bool steps = false;
  fs::path platform, record, replay;
  std::vector<fs::path> models;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      if (options.platform.empty())
        options.platform = word;
      else
        options.models.emplace_back(word);
      continue;
    }
    if (word == "--steps") {
      options.steps = true;
      continue;
    }
    if (i + 1 == argc) throw Error(ExitCode::usage, "USAGE", word + " needs a value");
    const std::string text = argv[++i];
    const std::size_t value = std::strtoull(text.c_str(), nullptr, 10);
    if (word == "--rounds")
      options.rounds = value;
    else if (word == "--random")
      options.random = value;
    else if (word == "--frames")
      options.frames = value;
    else if (word == "--seed")
      options.seed = value;
    else if (word == "--record")
      options.record = text;
    else if (word == "--replay")
      options.replay = text;
    else
      throw Error(ExitCode::usage, "USAGE", "unknown option " + word);
  }
  if (options.models.empty()) throw Error(ExitCode::usage, "USAGE", "bench_estimators PLATFORM.yaml MODEL...");
  return options;
}

// One quantity of one package: the estimate and the rounds.
struct Quantity {
  double estimated = 0;
  std::vector<double> rounds;

  double measured() const { return validator::median(rounds); }
  double error() const { return estimated / measured() - 1; }
};

struct Subject {
  std::string network, mapping;
  bool one_device = false;
  fs::path package;
  Tier tier = Tier::table;
  double known = 0;                             // share of the estimated compute time that stands in the kernel table
  Quantity latency, period, simulated, memory;  // simulated: the period, frame by frame
  struct DeviceTimes {
    DeviceEstimate estimated;
    std::vector<double> busy, communication, memory;
  };
  std::vector<DeviceTimes> devices;  // by rank
  struct StepTimes {
    std::string what;
    double estimated = 0;
    std::vector<double> measured;
  };
  std::map<std::string, StepTimes> steps;  // of run steps, by "rank/lane/step"

  std::string key() const { return network + "/" + mapping; }
};

// Every list of measured figures of a subject, by its name.
template <typename Subjects, typename Visit>
void visit_measured(Subjects& subject, const Visit& visit) {
  visit("latency", subject.latency.rounds);
  visit("period", subject.period.rounds);
  visit("memory", subject.memory.rounds);
  for (std::size_t d = 0; d < subject.devices.size(); ++d) {
    visit(fmt::format("busy {}", d), subject.devices[d].busy);
    visit(fmt::format("communication {}", d), subject.devices[d].communication);
    visit(fmt::format("memory {}", d), subject.devices[d].memory);
  }
  for (auto& [place, step] : subject.steps) visit("step " + place, step.measured);
}

std::vector<test::NamedMapping> mappings_of(const Estimator& estimator, const Options& options) {
  const Network& network = estimator.network();
  std::vector<test::NamedMapping> result{{"one device", single_device(network, 0)}};
  const std::vector<std::size_t> both{0, 1};
  for (const Strategy strategy : {Strategy::data, Strategy::sequential, Strategy::horizontal, Strategy::vertical})
    result.push_back({std::string(to_string(strategy)), preset(estimator, strategy, both)});
  test::Random random(options.seed + network.layers().size());
  for (std::size_t i = 0; i < options.random; ++i) {
    if (i % 3 == 0) result.push_back({fmt::format("stages {}", i), test::random_contiguous(network, 2, 2, random)});
    if (i % 3 == 1) {
      Mapping hybrid;
      hybrid.replicas.push_back(test::random_hybrid(network, 2, random));
      result.push_back({fmt::format("hybrid {}", i), hybrid});
    }
    if (i % 3 == 2) result.push_back({fmt::format("scattered {}", i), test::random_free(network, 2, random)});
  }
  return result;
}

double known_share(const Estimator& estimator, const Plan& plan) {
  double known = 0, all = 0;
  for (const Part& part : plan.parts) {
    const LayerCost cost = estimator.layer(part.layer, part.device, plan.programs.programs[part.device].threads);
    all += part.fraction * cost.seconds;
    if (cost.tier == Tier::table && part.fraction == 1) known += cost.seconds;
  }
  return all > 0 ? known / all : 0;
}

class Bench {
 public:
  Bench(const Options& options, const fs::path& folder)
      : options_(options), folder_(folder), platform_(read_platform(options.platform)) {
    std::vector<std::string> changed;
    local_ = as_run_locally(platform_, changed);
  }

  void run() {
    if (!options_.replay.empty())
      replayed_ = nlohmann::json::parse(read_text(options_.replay, std::uint64_t{64} << 20));
    for (const fs::path& model : options_.models) prepare(model);
    if (options_.replay.empty()) {
      summarise_kernels();
      measure_all();
    } else {
      summarise_kernels();
      replay();
    }
    if (!options_.record.empty()) record();
    std::erase_if(subjects_, [](const Subject& subject) { return subject.latency.rounds.empty(); });
    for (Subject& subject : subjects_) {
      subject.simulated.rounds = subject.period.rounds;
      print(subject);
    }
    std::cout << "\n";
    summarise("one device, latency", true, &Subject::latency);
    summarise("one device, memory", true, &Subject::memory);
    summarise("two devices, latency", false, &Subject::latency);
    summarise("two devices, period", false, &Subject::period);
    summarise("two devices, simulated", false, &Subject::simulated);
    summarise("two devices, memory", false, &Subject::memory);
    rank("latency", &Subject::latency);
    rank("period", &Subject::period);
    rank("simulated period", &Subject::simulated);
    if (failed_ > 0) std::cout << failed_ << " runs failed or gave wrong outputs\n";
  }

  bool failed() const { return failed_ > 0; }

 private:
  void measure_all() {
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      for (Subject& subject : subjects_) measure(subject, round == 0);
      std::cerr << "round " << round + 1 << " of " << options_.rounds << "\n";
    }
  }

  void record() const {
    nlohmann::json all = kernel_times_;
    for (const Subject& subject : subjects_)
      visit_measured(subject, [&](const std::string& name, const std::vector<double>& figures) {
        all[subject.key()][name] = figures;
      });
    write_file(options_.record, all.dump(1) + "\n");
  }

  static nlohmann::json to_json(const std::vector<GroupTime>& times) {
    nlohmann::json rows = nlohmann::json::array();
    for (const GroupTime& time : times) rows.push_back({time.seconds, time.spread});
    return rows;
  }
  static std::vector<GroupTime> times_of(const nlohmann::json& rows) {
    std::vector<GroupTime> times;
    for (const nlohmann::json& row : rows) times.push_back({row.at(0).get<double>(), row.at(1).get<double>(), 1});
    return times;
  }

  // Of every layer alone, and of parts.
  struct KernelTimes {
    std::vector<GroupTime> layers, parts;
  };
  KernelTimes kernel_times(const Network& network, const CalibrationPlan& plan) {
    constexpr double seconds = 5;
    const std::string key = "kernels of " + network.name();
    if (!options_.replay.empty()) {
      const nlohmann::json& known = replayed_.value(key, nlohmann::json::object());
      return {times_of(known.value("layers", nlohmann::json::array())),
              times_of(known.value("parts", nlohmann::json::array()))};
    }
    const NetworkTimes times = time_network(network, plan, 1, {"kernels", {1}, {usable_cpus().front()}, seconds});
    KernelTimes result{times.chains[every_layer_alone], times.parts};
    kernel_times_[key] = {{"layers", to_json(result.layers)}, {"parts", to_json(result.parts)}};
    return result;
  }

  void replay() {
    const nlohmann::json& all = replayed_;
    for (Subject& subject : subjects_)
      if (const auto found = all.find(subject.key()); found != all.end())
        visit_measured(subject, [&](const std::string& name, std::vector<double>& figures) {
          figures = found->value(name, std::vector<double>());
        });
  }

  void prepare(const fs::path& model) {
    const Network network = Network::import(model);
    const Estimator estimator(network, local_);
    deploy::Reference reference(network, engine::Engine::instance());
    for (const test::NamedMapping& named : mappings_of(estimator, options_)) {
      Subject subject;
      const Plan plan = lower(network, platform_, named.mapping);
      const Estimate estimate = estimator.estimate(plan);
      subject.network = network.name();
      subject.mapping = named.name;
      subject.one_device = estimate.device_count == 1;
      subject.tier = estimate.tier;
      subject.known = known_share(estimator, plan);
      subject.latency.estimated = estimate.latency_s;
      subject.period.estimated = estimate.period_s;
      subject.simulated.estimated = estimator.simulated_period(plan);
      subject.memory.estimated = estimate.memory_max_bytes;
      for (const DeviceEstimate& device : estimate.devices)
        if (device.used) subject.devices.push_back({device, {}, {}, {}});
      note_steps(estimator, plan, subject);
      if (!options_.replay.empty()) {
        subjects_.push_back(std::move(subject));
        continue;
      }
      subject.package = folder_ / fmt::format("{}", subjects_.size());
      deploy::write_package(reference, platform_, plan, manifest_estimate(platform_, estimate), subject.package, {});
      subjects_.push_back(std::move(subject));
    }
    time_kernels(estimator);
  }

  static std::string place(std::size_t rank, std::size_t lane, std::size_t step) {
    return fmt::format("{}/{}/{:04}", rank, lane, step);
  }

  static void note_steps(const Estimator& estimator, const Plan& plan, Subject& subject) {
    const Network& network = estimator.network();
    std::vector<std::size_t> rank_of(plan.programs.programs.size(), 0);
    for (std::size_t d = 0, rank = 0; d < rank_of.size(); ++d)
      if (!plan.programs.programs[d].lanes.empty()) rank_of[d] = rank++;
    for (const PlanSegment& segment : plan.segments) {
      const Part& first = plan.parts[segment.parts.front()];
      subject.steps[place(rank_of[segment.device], segment.lane, segment.step)] = {
          fmt::format("{} parts from {} ({:.2f})", segment.parts.size(), network.layers()[first.layer].name,
                      first.fraction),
          estimator.segment_seconds(plan, segment),
          {}};
    }
  }

  // With one thread, on the first device.
  void time_kernels(const Estimator& estimator) {
    const Network& network = estimator.network();
    const DeviceProfile& profile = *local_.devices[0].profile;
    const CalibrationPlan plan = plan_calibration(network);
    const KernelTimes times = kernel_times(network, plan);
    const auto add = [&](Tier tier, double kernel, double edges, const GroupTime& time, const char* what,
                         OperatorClass op_class) {
      if (time.seconds <= 0) return;
      const double estimated = kernel + profile.run_overhead_seconds + profile.cut_seconds_per_byte * edges;
      kernels_.push_back({what, tier == Tier::table, estimated, time.seconds, time.spread, op_class});
    };
    for (std::size_t g = 0; g < std::min(times.layers.size(), plan.chains[every_layer_alone].size()); ++g) {
      const CalibrationGroup& group = plan.chains[every_layer_alone][g];
      const LayerCost cost = estimator.layer(group.layers.front(), 0, 1);
      add(cost.tier, cost.seconds, group.cut_bytes, times.layers[g], "layers",
          network.layers()[group.layers.front()].op_class);
    }
    for (std::size_t p = 0; p < std::min(times.parts.size(), plan.parts.size()); ++p) {
      const CalibrationPart& part = plan.parts[p];
      const PartCost cost = part_cost(network, network.layers()[part.layer], profile, 1);
      const PartCurve& curve = cost.curve(part.axis);
      add(cost.measured[static_cast<std::size_t>(part.axis)] ? Tier::table : Tier::analytical,
          curve.known() ? curve.seconds(part.fraction) : cost.seconds({part.macs, part.bytes}), part.edge_bytes,
          times.parts[p], "parts", network.layers()[part.layer].op_class);
    }
  }

  void summarise_classes() const {
    std::map<std::string, std::vector<const KernelError*>> by_class;
    for (const KernelError& kernel : kernels_)
      if (!kernel.known && std::string(kernel.what) == "layers")
        by_class[std::string(to_string(kernel.op_class))].push_back(&kernel);
    for (const auto& [op_class, kernels] : by_class) {
      std::vector<double> errors;
      double estimated = 0, measured = 0;
      for (const KernelError* kernel : kernels) {
        errors.push_back(std::abs(kernel->estimated / kernel->measured - 1));
        estimated += kernel->estimated;
        measured += kernel->measured;
      }
      std::cout << fmt::format("  {:<24} {:3} kernels, {:8.2f} ms: error {}; sum {:+.1f} %\n", op_class, kernels.size(),
                               1e3 * measured, spread(errors), 100 * (estimated / measured - 1));
    }
  }

  void summarise_kernels() const {
    for (const char* what : {"layers", "parts"})
      for (const bool known : {true, false}) {
        std::vector<double> errors, spreads;
        double estimated = 0, measured = 0;
        for (const KernelError& kernel : kernels_) {
          if (kernel.known != known || std::string(kernel.what) != what) continue;
          errors.push_back(std::abs(kernel.estimated / kernel.measured - 1));
          spreads.push_back(kernel.spread);
          estimated += kernel.estimated;
          measured += kernel.measured;
        }
        if (errors.empty()) continue;
        std::cout << fmt::format("{:<22} {:3} kernels: error {}; sum {:+.1f} %; spread of the samples: {}\n",
                                 fmt::format("{}, {}", what, known ? "measured" : "modelled"), errors.size(),
                                 spread(errors), 100 * (estimated / measured - 1), spread(spreads));
      }
    std::cout << "modelled layers by class\n";
    summarise_classes();
    std::cout << "\n";
  }

  void measure(Subject& subject, bool compare_outputs) {
    validator::MeasureOptions options;
    options.worker = validator::find_worker();
    options.rounds = 1;
    options.frames = options_.frames;
    options.compare_outputs = compare_outputs;
    const validator::Measurement measured = validator::measure(subject.package, options);
    if (!measured.ran || !measured.outputs_right) {
      ++failed_;
      std::cout << subject.network << ", " << subject.mapping << ": " << measured.failure << "\n";
    }
    if (!measured.ran) return;
    subject.latency.rounds.push_back(measured.latency_s);
    subject.period.rounds.push_back(measured.period_s);
    double highest = 0;
    for (const validator::ReportDevice& device : measured.devices) highest = std::max(highest, device.memory_bytes);
    subject.memory.rounds.push_back(highest);
    for (std::size_t rank = 0; rank < std::min(measured.devices.size(), subject.devices.size()); ++rank) {
      subject.devices[rank].busy.push_back(measured.devices[rank].busy_s);
      subject.devices[rank].communication.push_back(measured.devices[rank].communication_s);
      subject.devices[rank].memory.push_back(measured.devices[rank].memory_bytes);
      for (const validator::ReportStep& step : measured.devices[rank].steps) {
        const auto found = subject.steps.find(place(rank, step.lane, step.step));
        if (found != subject.steps.end()) found->second.measured.push_back(step.median_s);
      }
    }
  }

  void print(const Subject& subject) const {
    const auto figures = [](const Quantity& quantity, double unit) {
      return fmt::format("{:9.2f} {:9.2f} {:+6.1f} %", quantity.estimated / unit, quantity.measured() / unit,
                         100 * quantity.error());
    };
    constexpr double ms = 1e-3, mib = 1024.0 * 1024.0;
    std::cout << fmt::format("{:<28} {:<14} table {:3.0f} % | {} | {} ({:.2f}) | {}\n", subject.network,
                             subject.mapping, 100 * subject.known, figures(subject.latency, ms),
                             figures(subject.period, ms), subject.simulated.estimated / ms,
                             figures(subject.memory, mib));
    for (const Subject::DeviceTimes& device : subject.devices)
      std::cout << fmt::format(
          "    computes {:9.2f} {:9.2f} ms, communicates {:9.2f} {:9.2f} ms, holds loading {:.1f}, running {:.1f}, "
          "{:.1f} MiB\n",
          device.estimated.busy_s / ms, validator::median(device.busy) / ms, device.estimated.communication_s / ms,
          validator::median(device.communication) / ms, device.estimated.memory_load_bytes / mib,
          device.estimated.memory_run_bytes / mib, validator::median(device.memory) / mib);
    if (!options_.steps) return;
    for (const auto& [where, step] : subject.steps)
      std::cout << fmt::format("      {:<10} {:<40} {:8.0f} {:8.0f} us {:+6.1f} %\n", where, step.what,
                               1e6 * step.estimated, 1e6 * validator::median(step.measured),
                               100 * (step.estimated / validator::median(step.measured) - 1));
  }

  void summarise(const std::string& what, bool one_device, Quantity Subject::*quantity) const {
    std::vector<double> errors, noises;
    double lowest = 0;
    for (const Subject& subject : subjects_) {
      if (subject.one_device != one_device) continue;
      const Quantity& of = subject.*quantity;
      errors.push_back(std::abs(of.error()));
      lowest = std::min(lowest, of.error());
      for (const double round : of.rounds) noises.push_back(std::abs(round / of.measured() - 1));
    }
    if (errors.empty()) return;
    std::cout << fmt::format("{:<22} {:3} mappings: error {}, lowest {:+.1f} %; round to round {}\n", what,
                             errors.size(), spread(errors), 100 * lowest, spread(noises));
  }

  static std::string spread(std::vector<double> errors) {
    std::sort(errors.begin(), errors.end());
    double sum = 0;
    for (const double error : errors) sum += error;
    const auto within = std::count_if(errors.begin(), errors.end(), [](double error) { return error <= 0.1; });
    const auto count = static_cast<double>(errors.size());
    return fmt::format("median {:.1f} %, mean {:.1f} %, 95th {:.1f} %, {:.0f} % within 10 %",
                       100 * errors[errors.size() / 2], 100 * sum / count,
                       100 * errors[static_cast<std::size_t>(std::ceil(0.95 * (count - 1)))],
                       100 * static_cast<double>(within) / count);
  }

  // Kendall's tau over the mappings of one network, and over those pairs only that differ by more than both rounds'
  // spread.
  void rank(const std::string& what, Quantity Subject::*quantity) const {
    double all = 0, apart = 0;
    std::size_t networks = 0, telling = 0;
    for (std::size_t first = 0; first < subjects_.size();) {
      std::size_t end = first;
      while (end < subjects_.size() && subjects_[end].network == subjects_[first].network) ++end;
      int agree = 0, pairs = 0, clear_agree = 0, clear = 0;
      for (std::size_t a = first; a < end; ++a)
        for (std::size_t b = a + 1; b < end; ++b) {
          const Quantity &x = subjects_[a].*quantity, &y = subjects_[b].*quantity;
          const int sign = (x.estimated < y.estimated) == (x.measured() < y.measured()) ? 1 : -1;
          agree += sign;
          ++pairs;
          const auto [x_lo, x_hi] = std::minmax_element(x.rounds.begin(), x.rounds.end());
          const auto [y_lo, y_hi] = std::minmax_element(y.rounds.begin(), y.rounds.end());
          if (*x_hi >= *y_lo && *y_hi >= *x_lo) continue;
          clear_agree += sign;
          ++clear;
        }
      if (pairs > 0) {
        all += static_cast<double>(agree) / pairs;
        ++networks;
      }
      if (clear > 0) {
        apart += static_cast<double>(clear_agree) / clear;
        ++telling;
      }
      first = end;
    }
    if (networks > 0)
      std::cout << fmt::format("Kendall's tau, {}: {:.3f} over {} networks, {:.3f} over pairs that do not overlap\n",
                               what, all / static_cast<double>(networks), networks,
                               telling > 0 ? apart / static_cast<double>(telling) : 0);
  }

  const Options& options_;
  fs::path folder_;
  Platform platform_, local_;
  struct KernelError {
    const char* what;
    bool known = false;  // from a measurement of this kernel
    double estimated = 0, measured = 0, spread = 0;
    OperatorClass op_class = OperatorClass::other;
  };
  std::vector<KernelError> kernels_;
  static constexpr std::size_t every_layer_alone = 1;  // of a calibration plan's chains
  nlohmann::json kernel_times_ = nlohmann::json::object(), replayed_;
  std::vector<Subject> subjects_;
  std::size_t failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse(argc, argv);
  const TempDir folder("dse-bench-estimators");
  Bench bench(options, folder.path());
  bench.run();
  return bench.failed() ? 9 : 0;
} catch (const dse::Error& error) {
  std::cerr << error.what() << "\n";
  return static_cast<int>(error.exit());
}
