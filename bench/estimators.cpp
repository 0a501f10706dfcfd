// How far the estimates are from what then runs: the figures that docs/estimators.md publishes.
//
//   bench_estimators PLATFORM.yaml [--rounds N] [--random N] [--seed N] [--frames N] MODEL...
//
// The platform's first two devices must be local, with the profiles that `dse calibrate --platform` wrote. Of every
// network, the mapping to the first device alone and to two devices - the four strategies, and N (default 3) random
// ones: contiguous stages, layers here and there, splits - are written as packages and estimated; then all packages are
// run over MPI in turn, N rounds (default 5; 0: kernels only) of all of them, and the medians are compared. Nothing
// that is measured here flows back into the estimates. Beside every error stands how far single rounds were from their
// own median.
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
#include <string>
#include <vector>

#include "base/error.hpp"
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
  fs::path platform;
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
    if (i + 1 == argc) throw Error(ExitCode::usage, "USAGE", word + " needs a value");
    const std::size_t value = std::strtoull(argv[++i], nullptr, 10);
    if (word == "--rounds")
      options.rounds = value;
    else if (word == "--random")
      options.random = value;
    else if (word == "--frames")
      options.frames = value;
    else if (word == "--seed")
      options.seed = value;
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
  double known = 0;  // share of the estimated compute time that stands in the kernel table
  Quantity latency, period, memory;
  struct DeviceTimes {
    DeviceEstimate estimated;
    std::vector<double> busy, communication;
  };
  std::vector<DeviceTimes> devices;  // by rank
};

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
    for (const fs::path& model : options_.models) prepare(model);
    summarise_kernels();
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      for (Subject& subject : subjects_) measure(subject, round == 0);
      std::cerr << "round " << round + 1 << " of " << options_.rounds << "\n";
    }
    std::erase_if(subjects_, [](const Subject& subject) { return subject.latency.rounds.empty(); });
    for (const Subject& subject : subjects_) print(subject);
    std::cout << "\n";
    summarise("one device, latency", true, &Subject::latency);
    summarise("one device, memory", true, &Subject::memory);
    summarise("two devices, latency", false, &Subject::latency);
    summarise("two devices, period", false, &Subject::period);
    summarise("two devices, memory", false, &Subject::memory);
    rank("latency", &Subject::latency);
    rank("period", &Subject::period);
    if (failed_ > 0) std::cout << failed_ << " runs failed or gave wrong outputs\n";
  }

  bool failed() const { return failed_ > 0; }

 private:
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
      subject.memory.estimated = estimate.memory_max_bytes;
      for (const DeviceEstimate& device : estimate.devices)
        if (device.used) subject.devices.push_back({device, {}, {}});
      subject.package = folder_ / fmt::format("{}", subjects_.size());
      deploy::write_package(reference, platform_, plan, manifest_estimate(platform_, estimate), subject.package, {});
      subjects_.push_back(std::move(subject));
    }
    time_kernels(estimator);
  }

  // With one thread, on the first device.
  void time_kernels(const Estimator& estimator) {
    const Network& network = estimator.network();
    const DeviceProfile& profile = *local_.devices[0].profile;
    constexpr double seconds = 5;
    CalibrationPlan plan = plan_calibration(network);
    const NetworkTimes times = time_network(network, plan, 1, {"kernels", {1}, {usable_cpus().front()}, seconds});
    const auto add = [&](Tier tier, double kernel, double edges, const GroupTime& time, const char* what,
                         OperatorClass op_class) {
      if (time.seconds <= 0) return;
      const double estimated = kernel + profile.run_overhead_seconds + profile.cut_seconds_per_byte * edges;
      kernels_.push_back({what, tier == Tier::table, estimated, time.seconds, time.spread, op_class});
    };
    constexpr std::size_t every_layer_alone = 1;
    for (std::size_t g = 0; g < plan.chains[every_layer_alone].size(); ++g) {
      const CalibrationGroup& group = plan.chains[every_layer_alone][g];
      const LayerCost cost = estimator.layer(group.layers.front(), 0, 1);
      add(cost.tier, cost.seconds, group.cut_bytes, times.chains[every_layer_alone][g], "layers",
          network.layers()[group.layers.front()].op_class);
    }
    for (std::size_t p = 0; p < plan.parts.size(); ++p) {
      const CalibrationPart& part = plan.parts[p];
      const PartCost cost = part_cost(network, network.layers()[part.layer], profile, 1);
      const PartCurve& curve = cost.curve(part.axis);
      add(curve.known() ? Tier::table : Tier::analytical,
          curve.known() ? curve.seconds(part.fraction) : cost.seconds({part.macs, part.bytes}, part.axis),
          part.edge_bytes, times.parts[p], "parts", network.layers()[part.layer].op_class);
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
    }
  }

  static void print(const Subject& subject) {
    const auto figures = [](const Quantity& quantity, double unit) {
      return fmt::format("{:9.2f} {:9.2f} {:+6.1f} %", quantity.estimated / unit, quantity.measured() / unit,
                         100 * quantity.error());
    };
    constexpr double ms = 1e-3, mib = 1024.0 * 1024.0;
    std::cout << fmt::format("{:<28} {:<14} table {:3.0f} % | {} | {} | {}\n", subject.network, subject.mapping,
                             100 * subject.known, figures(subject.latency, ms), figures(subject.period, ms),
                             figures(subject.memory, mib));
    for (const Subject::DeviceTimes& device : subject.devices)
      std::cout << fmt::format("    computes {:9.2f} {:9.2f} ms, communicates {:9.2f} {:9.2f} ms\n",
                               device.estimated.busy_s / ms, validator::median(device.busy) / ms,
                               device.estimated.communication_s / ms, validator::median(device.communication) / ms);
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
