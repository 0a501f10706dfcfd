#include "runtime/probes.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include "base/error.hpp"
#include "runtime/probes_chain.hpp"
#include "runtime/probes_host.hpp"
#include "runtime/probes_quota.hpp"
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
  explicit Stopwatch(int threads) : single_(threads == 1) {}

  template <typename Work>
  void time(Samples& samples, Work work) {
    const long switches = involuntary_switches(!single_);
    const double cpu = thread_cpu_seconds(), wall = wall_seconds();
    work();
    const double wall_spent = wall_seconds() - wall, cpu_spent = thread_cpu_seconds() - cpu;
    ++count_;
    const bool undisturbed = involuntary_switches(!single_) == switches;
    if (!undisturbed) ++preempted_;
    if (undisturbed) {
      samples.kept.push_back(wall_spent);
    } else if (single_) {
      samples.kept.push_back(
          cpu_spent);  // one thread that never sleeps: its processor time is what it would have taken alone
    } else {
      samples.disturbed.push_back(wall_spent);
    }
  }

  double preempted() const { return count_ > 0 ? static_cast<double>(preempted_) / static_cast<double>(count_) : 0; }

 private:
  bool single_;
  std::size_t count_ = 0, preempted_ = 0;
};

// A few milliseconds of arithmetic that stays in registers: its spread is the machine's, not the memory's. So long that
// a clock that jumps between two frequencies, and the system's own ticks, are in every piece alike.
double fixed_work() {
  double x = 1;
  for (int i = 0; i < 3'000'000; ++i) x = std::fma(x, 0.999999, 1e-7);
  return x;
}

constexpr std::size_t noise_samples_a_pass = 4;  // passes may be few

using Chains = std::vector<LoadedChain>;

std::size_t models_in(const TimingRequest& request) {
  std::size_t count = request.apart.size();
  for (const Chain& chain : request.chains) count += chain.size();
  return count;
}

// Samples of every model in turn, until the budget is spent.
void sample_times(const TimingRequest& request, Chains& chains, TimingReport& report) {
  std::vector<std::vector<Samples>> samples;
  for (const LoadedChain& chain : chains) samples.emplace_back(chain.size());
  Stopwatch stopwatch(request.threads), noise_watch(1);
  Samples noise;
  volatile double sink = 0;
  const double begin = wall_seconds();
  for (; report.passes < request.most_passes; ++report.passes) {
    if (report.passes >= request.least_passes && wall_seconds() - begin >= request.seconds) break;
    for (std::size_t i = 0; i < noise_samples_a_pass; ++i) noise_watch.time(noise, [&sink] { sink = fixed_work(); });
    for (std::size_t c = 0; c < chains.size(); ++c) {
      if (c >= request.chains.size()) chains[c].read_inputs(0);
      for (std::size_t m = 0; m < chains[c].size(); ++m) stopwatch.time(samples[c][m], [&] { chains[c].run(m); });
    }
  }
  for (const auto& chain : samples) {
    auto& times = report.chains.emplace_back();
    for (const Samples& of : chain) times.push_back(of.summary());
  }
  report.preempted = stopwatch.preempted();
  report.noise = relative_spread(noise.kept);
}

// One model's windows.
struct Windows {
  double seconds = 0;
  std::size_t runs = 0;
  std::vector<double> means;

  void add(const Window& window) {
    seconds += window.seconds;
    runs += window.runs;
    means.push_back(window.mean());
  }
  ModelTime summary() const { return {seconds / static_cast<double>(runs), relative_spread(means), runs}; }
};

// The processor's time, which stops with the thread: whatever the quota, it tells how steady the machine is.
double noise_of_processor_time() {
  std::vector<double> spent;
  volatile double sink = 0;
  for (int i = 0; i < 12; ++i) {
    const double before = thread_cpu_seconds();
    sink = sink + fixed_work();
    spent.push_back(thread_cpu_seconds() - before);
  }
  return relative_spread(spent);
}

void sample_windows(const TimingRequest& request, const runtime::CpuQuota& quota, Chains& chains,
                    TimingReport& report) {
  std::vector<std::vector<Windows>> windows;
  for (const LoadedChain& chain : chains) windows.emplace_back(chain.size());
  const double window_s = least_window_s(quota);
  const std::size_t passes = window_passes(request.seconds, window_s, models_in(request), request.most_passes);
  report.noise = noise_of_processor_time();
  for (; report.passes < passes; ++report.passes) {
    for (std::size_t c = 0; c < chains.size(); ++c) {
      for (std::size_t m = 0; m < chains[c].size(); ++m)
        windows[c][m].add(run_window(window_s, wall_seconds, [&] { chains[c].run(m); }));
    }
  }
  for (const auto& chain : windows) {
    auto& times = report.chains.emplace_back();
    for (const Windows& of : chain) times.push_back(of.summary());
  }
}

}  // namespace

double expected_seconds(const TimingRequest& request) {
  const auto quota = binding_quota(request.cpus);
  if (!quota) return request.seconds;
  return std::max(request.seconds, static_cast<double>(models_in(request)) * least_window_s(*quota));
}

TimingReport measure_times(const TimingRequest& request) {
  if (models_in(request) == 0) throw Error(ExitCode::bad_input, "PROBE-JSON", "a timing request without chains");
  stay_on(request.cpus);
  engine::EngineOptions options;
  options.threads = request.threads;
  const engine::Engine& engine = engine::Engine::instance(options);

  TimingReport report;
  report.engine_version = engine.version();
  const auto quota = binding_quota(request.cpus);
  report.quota = quota.has_value();
  TensorStore store;
  Chains chains;
  for (const Chain& chain : request.chains) {
    chains.emplace_back(engine, chain);
    chains.back().first_run(store);
  }
  std::deque<TensorStore> own_stores;
  for (const std::string& model : request.apart) {
    chains.emplace_back(engine, Chain{model});
    chains.back().first_run(own_stores.emplace_back());
  }
  const double begin = wall_seconds();
  if (quota)
    sample_windows(request, *quota, chains, report);
  else
    sample_times(request, chains, report);
  report.seconds = wall_seconds() - begin;
  report.copies = measure_copies();
  for (std::size_t c = request.chains.size(); c < chains.size(); ++c) report.apart.push_back(report.chains[c].front());
  report.chains.resize(request.chains.size());
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
