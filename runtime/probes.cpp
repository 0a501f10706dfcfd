#include "runtime/probes.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>

#include "base/error.hpp"
#include "runtime/probes_chain.hpp"
#include "runtime/probes_host.hpp"
#include "runtime/quantile.hpp"

namespace dse::probes {
namespace {

using runtime::quantile;

double relative_spread(const std::vector<double>& values) {
  const double middle = quantile(values, 0.5);
  return middle > 0 ? (quantile(values, 0.75) - quantile(values, 0.25)) / middle : 0;
}

// Samples of one model. Those during which something else ran on the processor are kept apart, and used only where
// nothing else is.
struct Samples {
  std::vector<double> kept, disturbed;

  ModelTime summary() const {
    const std::vector<double>& of = kept.empty() ? disturbed : kept;
    // What disturbs only ever adds time: the quartile of the quicker ones is what the device can do again and again.
    return {quantile(of, 0.25), relative_spread(of), of.size()};
  }
};

class Stopwatch {
 public:
  Stopwatch(int threads, bool quota) : single_(threads == 1), quota_(quota) {}

  template <typename Work>
  void time(Samples& samples, Work work) {
    const long switches = involuntary_switches(!single_);
    const double cpu = thread_cpu_seconds(), wall = wall_seconds();
    work();
    const double wall_spent = wall_seconds() - wall, cpu_spent = thread_cpu_seconds() - cpu;
    ++count_;
    const bool undisturbed = involuntary_switches(!single_) == switches;
    if (!undisturbed) ++preempted_;
    if (undisturbed || quota_) {
      samples.kept.push_back(wall_spent);  // under a quota, being stopped is what the device is like
    } else if (single_) {
      samples.kept.push_back(
          cpu_spent);  // one thread that never sleeps: its processor time is what it would have taken alone
    } else {
      samples.disturbed.push_back(wall_spent);
    }
  }

  double preempted() const { return count_ > 0 ? static_cast<double>(preempted_) / static_cast<double>(count_) : 0; }

 private:
  bool single_, quota_;
  std::size_t count_ = 0, preempted_ = 0;
};

// About a millisecond of arithmetic that stays in registers: its spread is the machine's, not the memory's.
double fixed_work() {
  double x = 1;
  for (int i = 0; i < 400'000; ++i) x = std::fma(x, 0.999999, 1e-7);
  return x;
}

}  // namespace

TimingReport measure_times(const TimingRequest& request) {
  if (request.chains.empty() && request.apart.empty())
    throw Error(ExitCode::bad_input, "PROBE-JSON", "a timing request without chains");
  stay_on(request.cpus);
  engine::EngineOptions options;
  options.threads = request.threads;
  const engine::Engine& engine = engine::Engine::instance(options);

  TimingReport report;
  report.engine_version = engine.version();
  report.quota = quota_active();
  TensorStore store;
  std::vector<LoadedChain> chains;
  std::vector<std::vector<Samples>> samples;
  for (const Chain& chain : request.chains) {
    chains.emplace_back(engine, chain);
    samples.emplace_back(chain.size());
    chains.back().first_run(store);
  }

  std::deque<TensorStore> own_stores;
  std::vector<LoadedChain> apart;
  for (const std::string& model : request.apart) {
    apart.emplace_back(engine, Chain{model});
    apart.back().first_run(own_stores.emplace_back());
  }
  std::vector<Samples> apart_samples(apart.size());

  Stopwatch stopwatch(request.threads, report.quota), noise_watch(1, report.quota);
  Samples noise;
  volatile double sink = 0;
  const double begin = wall_seconds();
  for (; report.passes < request.most_passes; ++report.passes) {
    if (report.passes >= request.least_passes && wall_seconds() - begin >= request.seconds) break;
    noise_watch.time(noise, [&sink] { sink = fixed_work(); });
    for (std::size_t c = 0; c < chains.size(); ++c) {
      for (std::size_t m = 0; m < chains[c].size(); ++m) stopwatch.time(samples[c][m], [&] { chains[c].run(m); });
    }
    for (std::size_t m = 0; m < apart.size(); ++m) stopwatch.time(apart_samples[m], [&] { apart[m].run(0); });
  }
  for (const auto& chain : samples) {
    auto& times = report.chains.emplace_back();
    for (const Samples& of : chain) times.push_back(of.summary());
  }
  for (const Samples& of : apart_samples) report.apart.push_back(of.summary());
  report.preempted = stopwatch.preempted();
  report.noise = relative_spread(noise.kept);
  return report;
}

MemoryReport measure_memory(const MemoryRequest& request) {
  engine::EngineOptions options;
  options.threads = request.threads;
  const engine::Engine& engine = engine::Engine::instance(options);
  MemoryReport report;
  restart_peak();
  report.base_bytes = resident().now;
  LoadedChain chain(engine, request.chain);
  report.loaded_peak_bytes = resident().peak;
  restart_peak();
  TensorStore store;
  chain.first_run(store);
  report.port_bytes = store.bytes();
  restart_peak();  // the first run had the engine allocate the outputs, which a worker never does
  for (int frame = 0; frame < 2; ++frame) {
    for (std::size_t m = 0; m < chain.size(); ++m) chain.run(m);
  }
  report.run_peak_bytes = resident().peak;
  return report;
}

}  // namespace dse::probes
