#include <chrono>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "runtime/mpi_session.hpp"
#include "runtime/mpi_transport.hpp"
#include "runtime/power_sensor.hpp"
#include "runtime/probes.hpp"
#include "runtime/probes_chain.hpp"
#include "runtime/probes_host.hpp"

namespace dse::probes {
namespace {

using Seconds = std::chrono::duration<double>;

// Clocks and voltages follow the load with a delay.
constexpr Seconds settling{0.5};

runtime::EnergyReading read_while(runtime::PowerSensor& sensor, double seconds,
                                  const std::function<void(double)>& stay) {
  sensor.start();
  stay(seconds);
  const std::optional<runtime::EnergyReading> reading = sensor.stop();
  if (!reading) throw Error(ExitCode::device, "POWER-SENSOR", sensor.facts().source);
  return *reading;
}

// `stay` keeps the device in its state for so many seconds.
PowerReport measure_in(const PowerRequest& request, const std::function<void(double)>& stay) {
  const auto sensor = runtime::open_power_sensor({request.sensor, request.root, runtime::PowerClock::real()});
  stay(settling.count());
  runtime::EnergyReading reading;
  try {
    reading = read_while(*sensor, request.seconds, stay);
  } catch (const Error& error) {
    if (error.code() != "POWER-SPARSE" || request.longest_seconds <= request.seconds) throw;
    reading = read_while(*sensor, request.longest_seconds, stay);
  }
  if (reading.seconds <= 0) throw Error(ExitCode::device, "POWER-SPARSE", "the measurement took no time");
  return {sensor->facts().kind, sensor->facts().source, reading.joules / reading.seconds, reading.seconds,
          reading.samples};
}

PowerReport measure_idle(const PowerRequest& request) {
  return measure_in(request, [](double seconds) { std::this_thread::sleep_for(Seconds(seconds)); });
}

PowerReport measure_active(const PowerRequest& request) {
  if (request.chain.empty()) throw Error(ExitCode::bad_input, "PROBE-JSON", "a power request without a chain");
  stay_on(request.cpus);
  engine::EngineOptions options;
  options.threads = request.threads;
  LoadedChain chain(engine::Engine::instance(options), request.chain);
  TensorStore store;
  chain.first_run(store);
  std::size_t model = 0;
  return measure_in(request, [&](double seconds) {
    for (const double end = wall_seconds() + seconds; wall_seconds() < end; model = (model + 1) % chain.size())
      chain.run(model);
  });
}

// As a worker waits for its next frame: the computing thread for the transport, which looks for messages ever more
// rarely.
PowerReport measure_waiting(const PowerRequest& request, int& argc, char**& argv) {
  runtime::MpiSession session(argc, argv);
  program::WaitPolicy wait;
  wait.microseconds = request.poll_microseconds;
  if (request.poll_microseconds == 0) wait.kind = program::WaitPolicy::Kind::spin;
  runtime::MpiTransport transport(wait, 1);
  PowerReport report;
  std::exception_ptr failure;
  std::vector<std::byte> never(1), message(1);
  std::thread computing([&] {
    std::vector<runtime::Token> finished;
    const auto wait_for = [&](double seconds) {
      const auto until = runtime::Clock::now() + std::chrono::duration_cast<runtime::Clock::duration>(Seconds(seconds));
      transport.wait(finished, until);
    };
    transport.post_receive(transport.device(), 0, never, 1);
    try {
      report = measure_in(request, wait_for);
    } catch (...) {
      failure = std::current_exception();
    }
    transport.post_send(transport.device(), 0, message, 2);  // to itself, so that nothing is left open
    wait_for(10);
    transport.close();
  });
  transport.serve();
  computing.join();
  if (failure) std::rethrow_exception(failure);
  return report;
}

}  // namespace

PowerReport measure_power(const PowerRequest& request, int& argc, char**& argv) {
  switch (request.state) {
    case PowerState::idle:
      return measure_idle(request);
    case PowerState::active:
      return measure_active(request);
    case PowerState::waiting:
      return measure_waiting(request, argc, argv);
  }
  throw Error(ExitCode::internal, "PROBE-POWER", "a power state that there is not");
}

}  // namespace dse::probes
