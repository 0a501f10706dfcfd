#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1  // the C++ bindings are not used, and do not compile without warnings
#endif
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "runtime/probes.hpp"
#include "runtime/probes_host.hpp"

namespace dse::probes {
namespace {

class MpiJob {
 public:
  MpiJob() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }
  ~MpiJob() { MPI_Finalize(); }
  MpiJob(const MpiJob&) = delete;
  MpiJob& operator=(const MpiJob&) = delete;

  int rank = 0, size = 0;
};

void wait_for(MPI_Request& request, int poll_microseconds) {
  for (int done = 0;;) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done != 0) return;
    if (poll_microseconds > 0) std::this_thread::sleep_for(std::chrono::microseconds(poll_microseconds));
  }
}

void send(std::vector<std::byte>& message, int peer, int poll) {
  MPI_Request request;
  MPI_Isend(message.data(), static_cast<int>(message.size()), MPI_BYTE, peer, 0, MPI_COMM_WORLD, &request);
  wait_for(request, poll);
}

void receive(std::vector<std::byte>& message, int peer, int poll) {
  MPI_Request request;
  MPI_Irecv(message.data(), static_cast<int>(message.size()), MPI_BYTE, peer, 0, MPI_COMM_WORLD, &request);
  wait_for(request, poll);
}

void round_trip(std::vector<std::byte>& message, int rank, int poll) {
  if (rank == 0) {
    send(message, 1, poll);
    receive(message, 1, poll);
  } else {
    receive(message, 0, poll);
    send(message, 0, poll);
  }
}

double lower_quartile(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 4];
}

LinkSample measure(std::int64_t bytes, std::size_t repetitions, int rank, int poll) {
  std::vector<std::byte> message(static_cast<std::size_t>(bytes), std::byte{1});
  std::vector<double> times, cpu_times;
  round_trip(message, rank, poll);
  for (std::size_t i = 0; i < repetitions; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double wall = wall_seconds(), cpu = process_cpu_seconds();
    round_trip(message, rank, poll);
    times.push_back((wall_seconds() - wall) / 2);
    cpu_times.push_back((process_cpu_seconds() - cpu) / 2);
  }
  return {bytes, lower_quartile(times), lower_quartile(cpu_times)};
}

}  // namespace

LinkReport measure_link(const LinkRequest& request) {
  const std::uint64_t before = resident().now;
  const MpiJob job;
  if (job.size != 2) throw Error(ExitCode::usage, "PROBE-RANKS", "the link probe runs as an MPI job of two ranks");
  LinkReport report;
  for (const std::int64_t bytes : request.sizes) {
    // About 64 MiB of traffic a size at most.
    const auto affordable = static_cast<std::size_t>(
        std::max<std::int64_t>(4, (std::int64_t{64} << 20) / std::max<std::int64_t>(bytes, 1)));
    report.samples.push_back(
        measure(bytes, std::min(request.repetitions, affordable), job.rank, request.poll_microseconds));
  }
  const std::uint64_t after = resident().now;
  report.mpi_bytes = after > before ? after - before : 0;
  return report;
}

}  // namespace dse::probes
