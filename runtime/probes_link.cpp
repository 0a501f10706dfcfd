#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "runtime/mpi_session.hpp"
#include "runtime/mpi_transport.hpp"
#include "runtime/probes.hpp"
#include "runtime/probes_host.hpp"
#include "runtime/quantile.hpp"

namespace dse::probes {
namespace {

using Pause = std::chrono::microseconds;

// Between receiving a message and answering it, as a device that computes: the other one has waited for so long. The
// longest reaches the full length of a worker's pauses.
constexpr Pause thoughts[] = {Pause{500}, Pause{1000}, Pause{2000}, Pause{4000}, Pause{8000}};
constexpr std::chrono::seconds patience{60};

// One rank's end of the exchange, on the thread that a worker computes on.
class Exchange {
 public:
  explicit Exchange(runtime::MpiTransport& transport) : transport_(transport), rank_(transport.device()) {}

  void send(std::vector<std::byte>& message) {
    transport_.post_send(1 - rank_, 0, message, ++token_);
    wait_all(1);
  }
  void receive(std::vector<std::byte>& message) {
    transport_.post_receive(1 - rank_, 0, message, ++token_);
    wait_all(1);
  }
  // There and back: rank 0 sends first. Both think before they send, about equally long.
  void round_trip(std::vector<std::byte>& message, Pause thinking) {
    if (rank_ == 1) receive(message);
    const double before = wall_seconds();
    if (thinking > Pause{0}) std::this_thread::sleep_for(thinking);
    thought_ = wall_seconds() - before;
    send(message);
    if (rank_ == 0) receive(message);
  }
  // Rank 0's number, at both.
  std::size_t agreed(std::size_t number) {
    std::vector<std::byte> message(sizeof number);
    std::memcpy(message.data(), &number, sizeof number);
    if (rank_ == 0)
      send(message);
    else
      receive(message);
    std::memcpy(&number, message.data(), sizeof number);
    return number;
  }
  double thought() const { return thought_; }
  double computed() const { return computed_; }  // processor time of all swaps' computing
  // Both compute, send what they have and wait for what the other has, as the devices of a split stage do.
  void swap(std::vector<std::byte>& mine, std::vector<std::byte>& other, Pause computing) {
    transport_.post_receive(1 - rank_, 0, other, ++token_);
    const double before = thread_cpu_seconds();
    for (const double until = wall_seconds() + std::chrono::duration<double>(computing).count();
         wall_seconds() < until;)
      continue;
    computed_ += thread_cpu_seconds() - before;
    transport_.post_send(1 - rank_, 0, mine, ++token_);
    wait_all(2);
  }

 private:
  void wait_all(std::size_t count) {
    std::vector<runtime::Token> finished;
    while (finished.size() < count) {
      if (!transport_.wait(finished, runtime::Clock::now() + patience)) {
        throw Error(ExitCode::device, "PROBE-LINK", "a message of the link probe did not arrive");
      }
    }
  }

  runtime::MpiTransport& transport_;
  std::size_t rank_;
  runtime::Token token_ = 0;
  double thought_ = 0, computed_ = 0;
};

using runtime::quantile;

// Of messages that are waited for eagerly; how late the others are noticed is chance, and its middle is wanted.
constexpr double quiet = 0.25, middle = 0.5;

// As many round trips as fit into the time that one size may take, of those asked for; a few in any case.
std::size_t affordable(double seconds_each, std::size_t repetitions) {
  constexpr double longest_s = 1;
  constexpr std::size_t least = 2;
  const double fit = seconds_each > 0 ? longest_s / seconds_each : static_cast<double>(repetitions);
  return std::clamp(static_cast<std::size_t>(std::min(fit, static_cast<double>(repetitions))),
                    std::min(least, repetitions), repetitions);
}

LinkSample measure(Exchange& exchange, std::int64_t bytes, Pause thinking, std::size_t repetitions, double at) {
  std::vector<std::byte> message(static_cast<std::size_t>(bytes), std::byte{1});
  std::vector<double> times, cpu_times;
  const double begin = wall_seconds();
  exchange.round_trip(message, thinking);
  const std::size_t count = exchange.agreed(affordable(wall_seconds() - begin, repetitions));
  for (std::size_t i = 0; i < count; ++i) {
    const double wall = wall_seconds(), cpu = process_cpu_seconds();
    exchange.round_trip(message, thinking);
    times.push_back((wall_seconds() - wall) / 2 - exchange.thought());
    cpu_times.push_back((process_cpu_seconds() - cpu) / 2);
  }
  return {bytes, std::max(quantile(times, at), 1e-7), std::max(quantile(cpu_times, at), 0.0)};
}

double computing_cpu_seconds(Exchange& exchange, std::size_t repetitions) {
  constexpr Pause computing{500};  // about a layer's part
  constexpr std::size_t bytes = 4096;
  std::vector<std::byte> mine(bytes, std::byte{1}), other(bytes);
  exchange.swap(mine, other, computing);
  const double before = process_cpu_seconds() - exchange.computed();
  for (std::size_t i = 0; i < repetitions; ++i) exchange.swap(mine, other, computing);
  return (process_cpu_seconds() - exchange.computed() - before) / static_cast<double>(2 * repetitions);
}

// The largest message both ways at the same time, over its time alone.
double both_ways(Exchange& exchange, const LinkSample& alone) {
  std::vector<std::byte> mine(static_cast<std::size_t>(alone.bytes), std::byte{1}), other(mine.size());
  std::vector<std::byte> nothing(1);
  std::vector<double> times;
  const std::size_t count = exchange.agreed(affordable(2 * alone.seconds, 20));
  for (std::size_t i = 0; i < count; ++i) {
    exchange.round_trip(nothing, Pause{0});  // both begin together
    const double begin = wall_seconds();
    exchange.swap(mine, other, Pause{0});
    times.push_back(wall_seconds() - begin);
  }
  return std::max(1.0, quantile(times, quiet) / alone.seconds);
}

void measure_messages(Exchange& exchange, const LinkRequest& request, LinkReport& report) {
  for (const std::int64_t bytes : request.sizes) {
    const bool slow = !report.samples.empty() && report.samples.back().seconds > request.longest_seconds;
    if (exchange.agreed(slow ? 1 : 0) != 0) break;
    report.samples.push_back(measure(exchange, bytes, Pause{0}, request.repetitions, quiet));
  }
  if (!report.samples.empty()) report.both_ways = both_ways(exchange, report.samples.back());
}

void measure_waiting(Exchange& exchange, const LinkRequest& request, LinkReport& report) {
  constexpr std::size_t most_of_one_kind = 200;
  report.computing_cpu_seconds = computing_cpu_seconds(exchange, most_of_one_kind);
  constexpr std::size_t few = 4;
  for (LinkSample& sample : report.samples)
    sample.cpu_seconds = measure(exchange, sample.bytes, Pause{0}, few, middle).cpu_seconds;
  if (report.samples.empty()) return;
  const LinkSample& least = report.samples.front();
  for (const Pause thinking : thoughts) {
    const double late = measure(exchange, least.bytes, thinking, request.repetitions, middle).seconds - least.seconds;
    report.wakes.push_back({std::chrono::duration<double>(thinking).count(), std::max(late, 0.0)});
  }
}

// A worker's threads for a while: one that exchanges, this one for the communication.
template <typename Measure>
void with_exchange(const program::WaitPolicy& wait, const Measure& measure) {
  runtime::MpiTransport transport(wait, 1);
  std::exception_ptr failure;
  std::thread computing([&] {
    try {
      Exchange exchange(transport);
      measure(exchange);
      transport.close();
    } catch (...) {
      failure = std::current_exception();
      transport.abort(failure);
    }
  });
  transport.serve();
  computing.join();
  if (failure) std::rethrow_exception(failure);
}

program::WaitPolicy asked(const LinkRequest& request) {
  program::WaitPolicy wait;
  wait.microseconds = request.poll_microseconds;
  if (request.poll_microseconds == 0) wait.kind = program::WaitPolicy::Kind::spin;
  return wait;
}

}  // namespace

LinkReport measure_link(const LinkRequest& request, int& argc, char**& argv) {
  const std::uint64_t before = resident().now;
  runtime::MpiSession session(argc, argv);
  if (session.size() != 2)
    throw Error(ExitCode::usage, "PROBE-RANKS", "the link probe runs as an MPI job of two ranks");
  if (static_cast<std::size_t>(session.rank()) < request.cpus.size())
    stay_on(request.cpus[static_cast<std::size_t>(session.rank())]);
  LinkReport report;
  report.rank = session.rank();
  // Nothing computes between these messages, which a worker's patience is made from: how long messages take by
  // themselves is measured by a receiver that never pauses, what the pauses add is measured apart.
  program::WaitPolicy eager;
  eager.kind = program::WaitPolicy::Kind::yield;
  with_exchange(eager, [&](Exchange& exchange) { measure_messages(exchange, request, report); });
  with_exchange(asked(request), [&](Exchange& exchange) { measure_waiting(exchange, request, report); });
  const std::uint64_t after = resident().now;
  report.mpi_bytes = after > before ? after - before : 0;
  session.barrier();
  return report;
}

}  // namespace dse::probes
