#include "runtime/mpi_session.hpp"

#include <mpi.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <thread>

#include "base/error.hpp"

namespace dse::runtime {
namespace {

constexpr int text_tag = 1;
constexpr int clock_tag = 2;

// MPI's own waits spin; nothing between frames is in such a hurry.
void wait_for(MPI_Request& request, std::chrono::microseconds pause) {
  for (int done = 0; done == 0;) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done == 0) std::this_thread::sleep_for(pause);
  }
}
constexpr std::chrono::microseconds patient{500};

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void send_text(const std::string& text, int rank, MPI_Comm comm) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Isend(text.data(), static_cast<int>(text.size()), MPI_BYTE, rank, text_tag, comm, &request),
            "MPI_Isend");
  wait_for(request, patient);
}

std::string receive_text(int rank, MPI_Comm comm) {
  MPI_Status status{};
  for (int found = 0; found == 0;) {
    check_mpi(MPI_Iprobe(rank, text_tag, comm, &found, &status), "MPI_Iprobe");
    if (found == 0) std::this_thread::sleep_for(patient);
  }
  int bytes = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
  std::string text(static_cast<std::size_t>(bytes), '\0');
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Irecv(text.data(), bytes, MPI_BYTE, rank, text_tag, comm, &request), "MPI_Irecv");
  wait_for(request, patient);
  return text;
}

// Rank 0's side of one comparison: answers each message with the time of its arrival.
void answer(int rank, int rounds, MPI_Comm comm) {
  for (int i = 0; i < rounds; ++i) {
    char ping = 0;
    check_mpi(MPI_Recv(&ping, 1, MPI_BYTE, rank, clock_tag, comm, MPI_STATUS_IGNORE), "MPI_Recv");
    const double now = steady_seconds();
    check_mpi(MPI_Send(&now, 1, MPI_DOUBLE, rank, clock_tag, comm), "MPI_Send");
  }
}

double ask(int rounds, MPI_Comm comm) {
  double offset = 0;
  double fastest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < rounds; ++i) {
    const char ping = 0;
    double there = 0;
    const double before = steady_seconds();
    check_mpi(MPI_Send(&ping, 1, MPI_BYTE, 0, clock_tag, comm), "MPI_Send");
    check_mpi(MPI_Recv(&there, 1, MPI_DOUBLE, 0, clock_tag, comm, MPI_STATUS_IGNORE), "MPI_Recv");
    const double after = steady_seconds();
    if (after - before >= fastest) continue;
    fastest = after - before;
    offset = there - (before + after) / 2;
  }
  return offset;
}

}  // namespace

void check_mpi(int result, const char* what) {
  if (result == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(result, text.data(), &length);
  throw Error(ExitCode::device, "MPI",
              std::string(what) + ": " + printable({text.data(), static_cast<std::size_t>(length)}));
}

// A communicator of its own: nothing here can meet a frame's messages.
struct MpiSession::State {
  MPI_Comm control = MPI_COMM_NULL;
};

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (provided < MPI_THREAD_SERIALIZED)
    throw Error(ExitCode::device, "MPI", "this MPI does not support MPI_THREAD_SERIALIZED");
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  state_ = std::make_unique<State>();
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &state_->control), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(state_->control, MPI_ERRORS_RETURN);
}

MpiSession::~MpiSession() {
  if (state_) MPI_Comm_free(&state_->control);
  MPI_Finalize();
}

std::string MpiSession::version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  return printable(text.data());  // the length may count the terminating zero
}

void MpiSession::barrier() {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(state_->control, &request), "MPI_Ibarrier");
  wait_for(request, patient);
}

int MpiSession::largest(int value) {
  int result = value;
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallreduce(&value, &result, 1, MPI_INT, MPI_MAX, state_->control, &request), "MPI_Iallreduce");
  wait_for(request, patient);
  return result;
}

std::vector<std::string> MpiSession::gather(const std::string& text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw Error(ExitCode::internal, "MPI", "a report is too large to be gathered");
  if (rank_ != 0) {
    send_text(text, 0, state_->control);
    return {};
  }
  std::vector<std::string> all{text};
  for (int rank = 1; rank < size_; ++rank) all.push_back(receive_text(rank, state_->control));
  return all;
}

std::vector<std::uint64_t> MpiSession::gather_all(std::uint64_t value) {
  std::vector<std::uint64_t> all(static_cast<std::size_t>(size_));
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallgather(&value, 1, MPI_UINT64_T, all.data(), 1, MPI_UINT64_T, state_->control, &request),
            "MPI_Iallgather");
  wait_for(request, patient);
  return all;
}

std::vector<std::string> MpiSession::gather_all(const std::string& text) {
  const std::vector<std::uint64_t> sizes = gather_all(static_cast<std::uint64_t>(text.size()));
  std::vector<int> counts, first;
  std::uint64_t total = 0;
  for (const std::uint64_t size : sizes) {
    first.push_back(static_cast<int>(total));
    counts.push_back(static_cast<int>(size));
    total += size;
    if (total > static_cast<std::uint64_t>(std::numeric_limits<int>::max()))
      throw Error(ExitCode::internal, "MPI", "texts of more than 2 GiB cannot be gathered");
  }
  std::string all(total, '\0');
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallgatherv(text.data(), static_cast<int>(text.size()), MPI_CHAR, all.data(), counts.data(),
                            first.data(), MPI_CHAR, state_->control, &request),
            "MPI_Iallgatherv");
  wait_for(request, patient);
  std::vector<std::string> result;
  for (std::size_t rank = 0; rank < sizes.size(); ++rank)
    result.push_back(all.substr(static_cast<std::size_t>(first[rank]), sizes[rank]));
  return result;
}

double MpiSession::clock_offset(int ranks, int rounds) {
  double offset = 0;
  for (int other = 1; other < ranks; ++other) {
    barrier();  // one pair at a time, the others asleep
    if (rank_ == 0) answer(other, rounds, state_->control);
    if (rank_ == other) offset = ask(rounds, state_->control);
  }
  barrier();
  return offset;
}

void MpiSession::abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  ::_exit(code);
}

}  // namespace dse::runtime
