#include "runtime/mpi_transport.hpp"

#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>

#include "base/error.hpp"
#include "runtime/mpi_session.hpp"

namespace dse::runtime {
namespace {

using std::chrono::microseconds;

constexpr std::size_t piece_bytes = std::size_t{1} << 30;
// How long the communication thread sleeps between two looks at its requests: at most a share of the time in which
// nothing has happened, and at most a limit that is short enough for a socket's or a shared-memory queue's buffers to
// stay filled. While this device computes, nobody here waits for a message and each look costs the computing thread its
// core and part of its cache.
struct Pauses {
  microseconds longest;
  int share;
};
constexpr Pauses while_waiting{microseconds{500}, 8};
constexpr Pauses while_computing{microseconds{4000}, 1};

struct Post {
  bool send = false;
  std::size_t peer = 0;
  std::size_t tag = 0;
  std::span<std::byte> memory;  // a send only reads it
  Token token = 0;
};

// One MPI request: a message, or a piece of one.
struct Piece {
  std::size_t message = 0;  // index into messages
  int bytes = 0;
};
struct Message {
  Post post;
  std::size_t pieces_left = 0;
};

double thread_cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

struct MpiTransport::State {
  explicit State(const program::WaitPolicy& policy) : wait(policy) {}

  // Shared with the computing thread.
  std::mutex mutex;
  std::condition_variable posted;
  std::vector<Post> queue;
  bool closed = false;
  bool aborted = false;
  bool waiting = false;  // the computing thread has nothing to do until a message is finished
  bool hurry = false;    // it has just begun to wait
  CompletionQueue completions;

  // The communication thread's own.
  program::WaitPolicy wait;
  int rank = 0;
  double cpu = 0;
  std::vector<Post> taken;
  std::vector<MPI_Request> requests;
  std::vector<Piece> pieces;      // by request
  std::vector<Message> messages;  // with free places
  std::vector<std::size_t> free_messages;
  std::vector<int> indices;
  std::vector<MPI_Status> statuses;
  Clock::time_point active = Clock::now();  // when something last happened
  microseconds next_pause{0};
  Pauses pauses = while_waiting;

  void set_waiting(bool now) {
    {
      const std::scoped_lock lock(mutex);
      waiting = hurry = now;
    }
    if (now) posted.notify_one();
  }

  void post(const Post& post) {
    {
      const std::scoped_lock lock(mutex);
      queue.push_back(post);
    }
    posted.notify_one();
  }

  void start(const Post& post) {
    const std::size_t index = free_messages.empty() ? messages.size() : free_messages.back();
    if (free_messages.empty())
      messages.emplace_back();
    else
      free_messages.pop_back();
    Message& message = messages[index];
    message = {post, 0};
    std::size_t offset = 0;
    do {
      const std::size_t bytes = std::min(piece_bytes, post.memory.size() - offset);
      start_piece(message, index, offset, static_cast<int>(bytes));
      offset += bytes;
    } while (offset < post.memory.size());
  }

  void start_piece(Message& message, std::size_t index, std::size_t offset, int bytes) {
    const Post& post = message.post;
    const int peer = static_cast<int>(post.peer);
    const int tag = static_cast<int>(post.tag);
    void* memory = post.memory.data() + offset;
    requests.push_back(MPI_REQUEST_NULL);
    if (post.send)
      check_mpi(MPI_Isend(memory, bytes, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &requests.back()), "MPI_Isend");
    else
      check_mpi(MPI_Irecv(memory, bytes, MPI_BYTE, peer, tag, MPI_COMM_WORLD, &requests.back()), "MPI_Irecv");
    pieces.push_back({index, bytes});
    ++message.pieces_left;
  }

  // Hands finished messages over; false where nothing was finished.
  bool test() {
    const int count = static_cast<int>(requests.size());
    indices.resize(requests.size());
    statuses.resize(requests.size());
    int finished = 0;
    const int result = MPI_Testsome(count, requests.data(), &finished, indices.data(), statuses.data());
    if (result == MPI_ERR_IN_STATUS) {
      for (int i = 0; i < finished; ++i) check_mpi(statuses[static_cast<std::size_t>(i)].MPI_ERROR, "a message");
    }
    check_mpi(result, "MPI_Testsome");
    if (finished <= 0) return false;
    for (int i = 0; i < finished; ++i)
      finish_piece(static_cast<std::size_t>(indices[i]), statuses[static_cast<std::size_t>(i)]);
    drop_finished();
    return true;
  }

  void finish_piece(std::size_t request, const MPI_Status& status) {
    const Piece piece = pieces[request];
    Message& message = messages[piece.message];
    if (!message.post.send) check_size(message.post, piece, status);
    pieces[request].bytes = -1;  // for drop_finished
    if (--message.pieces_left != 0) return;
    free_messages.push_back(piece.message);
    completions.push(message.post.token);
  }

  void check_size(const Post& post, const Piece& piece, const MPI_Status& status) const {
    int bytes = 0;
    check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    if (bytes != piece.bytes)
      throw Error(ExitCode::device, "TRANSPORT-SIZE",
                  fmt::format("the message of transfer {} from device {} has {} bytes, {} were expected", post.tag,
                              post.peer, bytes, piece.bytes));
  }

  void drop_finished() {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (pieces[i].bytes < 0) continue;
      requests[kept] = requests[i];
      pieces[kept] = pieces[i];
      ++kept;
    }
    requests.resize(kept);
    pieces.resize(kept);
  }

  // Takes what has been posted, waiting for it for as long as there is nothing else to do; false at the end.
  bool take() {
    std::unique_lock lock(mutex);
    const auto something = [&] { return !queue.empty() || closed || aborted; };
    if (requests.empty())
      posted.wait(lock, something);
    else if (next_pause.count() > 0)
      posted.wait_for(lock, next_pause, [&] { return something() || hurry; });
    hurry = false;
    pauses = waiting ? while_waiting : while_computing;
    if (aborted || (closed && queue.empty() && requests.empty())) return false;
    taken.clear();
    std::swap(taken, queue);
    return true;
  }

  void pause(bool progressed) {
    const Clock::time_point now = Clock::now();
    if (progressed) active = now;
    next_pause = microseconds{0};
    if (progressed || wait.kind == program::WaitPolicy::Kind::spin) return;
    if (wait.kind == program::WaitPolicy::Kind::yield) {
      ::sched_yield();
      return;
    }
    const microseconds shortest{wait.microseconds};
    const auto grown = std::chrono::duration_cast<microseconds>((now - active) / pauses.share);
    next_pause = std::clamp(grown, shortest, std::max(shortest, pauses.longest));
  }

  void loop() {
    while (take()) {
      for (const Post& post : taken) start(post);
      const bool progressed = (!requests.empty() && test()) || !taken.empty();
      pause(progressed);
    }
  }
};

MpiTransport::MpiTransport(const program::WaitPolicy& wait, std::size_t tags) : state_(std::make_unique<State>(wait)) {
  void* bound = nullptr;
  int found = 0;
  check_mpi(MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &found), "MPI_TAG_UB");
  const std::size_t highest = found != 0 ? static_cast<std::size_t>(*static_cast<int*>(bound)) : 32767;
  if (tags > highest)
    throw Error(ExitCode::device, "TRANSPORT-TAG",
                fmt::format("the deployment needs {} tags, this MPI has {}", tags, highest));
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &state_->rank), "MPI_Comm_rank");
}

MpiTransport::~MpiTransport() = default;

void MpiTransport::serve() {
  ::prctl(PR_SET_TIMERSLACK, 1000UL);  // nanoseconds: else a pause of 50 us takes 100
  const double before = thread_cpu_seconds();
  try {
    state_->loop();
  } catch (...) {
    state_->completions.fail(std::current_exception());
  }
  state_->cpu = thread_cpu_seconds() - before;
}

double MpiTransport::cpu_seconds() const { return state_->cpu; }

std::size_t MpiTransport::device() const { return static_cast<std::size_t>(state_->rank); }

void MpiTransport::post_send(std::size_t peer, std::size_t tag, std::span<const std::byte> message, Token token) {
  auto* memory = const_cast<std::byte*>(message.data());  // a send only reads it
  state_->post({true, peer, tag, {memory, message.size()}, token});
}

void MpiTransport::post_receive(std::size_t peer, std::size_t tag, std::span<std::byte> target, Token token) {
  state_->post({false, peer, tag, target, token});
}

bool MpiTransport::wait(std::vector<Token>& finished, Clock::time_point until) {
  constexpr Clock::time_point at_once{};
  if (state_->completions.wait(finished, at_once)) return true;
  if (until == at_once) return false;
  state_->set_waiting(true);
  const bool any = state_->completions.wait(finished, until);
  state_->set_waiting(false);
  return any;
}

void MpiTransport::abort(std::exception_ptr reason) {
  state_->completions.fail(reason);
  {
    const std::scoped_lock lock(state_->mutex);
    state_->aborted = true;
  }
  state_->posted.notify_one();
}

void MpiTransport::close() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->closed = true;
  }
  state_->posted.notify_one();
}

}  // namespace dse::runtime
