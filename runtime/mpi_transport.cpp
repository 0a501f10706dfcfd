#include "runtime/mpi_transport.hpp"

#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "runtime/mpi_session.hpp"

namespace dse::runtime {
namespace {

using std::chrono::microseconds;

// A message travels in pieces: each that arrives shows that the message moves, which MPI does not say of a part, and
// MPI moves the pieces of a message side by side, where of one it moves a few fragments a look. Smaller ones cost more
// than they bring (VGG-19's exchanges between two local ranks: 128 KiB and 512 KiB are 3 % slower).
constexpr std::size_t least_piece = std::size_t{256} << 10, most_piece = std::size_t{1} << 30, most_pieces = 64;

std::size_t piece_bytes(std::size_t message) {
  return std::clamp((message + most_pieces - 1) / most_pieces, least_piece, most_piece);
}
// How long a thread sleeps between two looks at the requests: at most a share of the time in which nothing has
// happened, and at most a limit that is short enough for a socket's or a shared-memory queue's buffers to stay filled.
// While this device computes, nobody here waits for a message and each look costs the computing thread its core and
// part of its cache.
struct Pauses {
  microseconds shortest, longest;  // the shortest is at least the wait policy's
  int share;
};
constexpr Pauses while_waiting{microseconds{1}, microseconds{500}, 8};
constexpr Pauses while_computing{microseconds{500}, microseconds{4000}, 1};

// What a waiting thread may spend on looking without a pause: a share of the time that it computed, up to a limit.
class Eagerness {
 public:
  void computed(Clock::duration time) { left_ = std::min<Clock::duration>(limit, left_ + time / share); }
  void looked(Clock::duration time) { left_ -= std::min(time, left_); }
  bool any() const { return left_ > Clock::duration::zero(); }

 private:
  static constexpr int share = 20;
  static constexpr microseconds limit{1000};
  Clock::duration left_{limit};
};

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

  const program::WaitPolicy wait;
  int rank = 0;

  // One thread at a time calls MPI and touches what follows.
  std::mutex mutex;
  std::condition_variable changed;  // for the communication thread
  bool sleeping_long = false;       // it looks again late, or not until `changed`
  bool fresh = false;               // something was posted since it looked last
  bool closed = false;
  bool aborted = false;
  bool waiting = false;  // the computing thread waits, and looks for itself
  std::exception_ptr failure;
  std::vector<Token> tokens;  // of finished messages
  std::vector<MPI_Request> requests;
  std::vector<Piece> pieces;      // by request
  std::vector<Message> messages;  // with free places
  std::vector<std::size_t> free_messages;
  std::vector<int> indices;
  std::vector<MPI_Status> statuses;
  Clock::time_point active = Clock::now();  // when something last happened

  double serving_cpu = 0;
  // The computing thread's own.
  double waiting_cpu = 0;
  Eagerness eagerness;
  Clock::time_point waited_until = Clock::now();

  void post(const Post& post) {
    const std::scoped_lock lock(mutex);
    start(post);
    active = Clock::now();
    fresh = true;
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
    const std::size_t piece = piece_bytes(post.memory.size());
    do {
      const std::size_t bytes = std::min(piece, post.memory.size() - offset);
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

  // Collects finished messages; false where nothing was finished. Open MPI's Testsome looks at the requests before it
  // moves any: what it moved is seen by the next call only, which must not wait for a pause to end.
  bool test() { return !requests.empty() && (test_once() || test_once()); }

  bool test_once() {
    const int count = static_cast<int>(requests.size());
    indices.resize(requests.size());
    statuses.resize(requests.size());
    int finished = 0;
    const int result = MPI_Testsome(count, requests.data(), &finished, indices.data(), statuses.data());
    if (finished > 0) active = Clock::now();
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
    tokens.push_back(message.post.token);
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

  microseconds pause(const Pauses& pauses) const {
    const microseconds policy{wait.kind == program::WaitPolicy::Kind::sleep ? wait.microseconds : 50};
    const microseconds shortest = std::max(policy, pauses.shortest);
    const auto grown = std::chrono::duration_cast<microseconds>((Clock::now() - active) / pauses.share);
    return std::clamp(grown, shortest, std::max(shortest, pauses.longest));
  }

  // ---- the communication thread

  void serve() {
    std::unique_lock lock(mutex);
    while (!aborted) {
      if (!waiting) {
        fresh = false;
        test();
      }
      if (!requests.empty())
        sleep(lock, pause(closed ? while_waiting : while_computing));  // nobody computes after the end
      else if (closed)
        return;
      else
        rest(lock);
    }
  }

  void rest(std::unique_lock<std::mutex>& lock) {
    sleeping_long = true;
    changed.wait(lock);
    sleeping_long = false;
  }

  void sleep(std::unique_lock<std::mutex>& lock, microseconds time) {
    sleeping_long = time > while_computing.shortest;
    changed.wait_for(lock, time);
    sleeping_long = false;
  }

  // ---- the computing thread

  // One look; true where something has finished.
  bool look(std::vector<Token>& into) {
    const std::scoped_lock lock(mutex);
    if (failure) std::rethrow_exception(failure);
    test();
    const bool any = !tokens.empty();
    into.insert(into.end(), tokens.begin(), tokens.end());
    tokens.clear();
    return any;
  }

  bool look_until(std::vector<Token>& into, Clock::time_point until) {
    Clock::time_point now = Clock::now();
    eagerness.computed(now - waited_until);
    set_waiting();
    bool any = false;
    while (!(any = look(into)) && now < until) {
      const bool eager = wait.kind != program::WaitPolicy::Kind::sleep || eagerness.any();
      if (!eager) std::this_thread::sleep_for(std::min<Clock::duration>(pause(while_waiting), until - now));
      if (eager && wait.kind != program::WaitPolicy::Kind::spin) ::sched_yield();
      const Clock::time_point later = Clock::now();
      if (eager) eagerness.looked(later - now);
      now = later;
    }
    waited_until = now;
    return any;
  }

  void set_waiting() {
    const std::scoped_lock lock(mutex);
    waiting = true;
  }

  // Computing goes on: what is under way needs the communication thread's looks.
  void leave_to_communication_thread() {
    const std::scoped_lock lock(mutex);
    if (waiting) test();  // what the peer has taken meanwhile
    if ((fresh || waiting) && !requests.empty() && sleeping_long) changed.notify_one();
    fresh = waiting = false;
  }

  void fail(const std::exception_ptr& reason) {
    const std::scoped_lock lock(mutex);
    if (!failure) failure = reason;
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
  // Nanoseconds, also of threads that this one starts: else a pause of 50 us takes 100.
  ::prctl(PR_SET_TIMERSLACK, 1000UL);
}

MpiTransport::~MpiTransport() = default;

void MpiTransport::serve() {
  const double before = thread_cpu_seconds();
  try {
    state_->serve();
  } catch (...) {
    state_->fail(std::current_exception());
  }
  state_->serving_cpu = thread_cpu_seconds() - before;
}

double MpiTransport::cpu_seconds() const { return state_->serving_cpu + state_->waiting_cpu; }

std::size_t MpiTransport::device() const { return static_cast<std::size_t>(state_->rank); }

void MpiTransport::post_send(std::size_t peer, std::size_t tag, std::span<const std::byte> message, Token token) {
  auto* memory = const_cast<std::byte*>(message.data());  // a send only reads it
  state_->post({true, peer, tag, {memory, message.size()}, token});
}

void MpiTransport::post_receive(std::size_t peer, std::size_t tag, std::span<std::byte> target, Token token) {
  state_->post({false, peer, tag, target, token});
}

bool MpiTransport::wait(std::vector<Token>& finished, Clock::time_point until) {
  bool any = state_->look(finished);
  if (!any && until != Clock::time_point{}) {
    const double before = thread_cpu_seconds();
    any = state_->look_until(finished, until);
    state_->waiting_cpu += thread_cpu_seconds() - before;
  }
  state_->leave_to_communication_thread();
  return any;
}

void MpiTransport::abort(std::exception_ptr reason) {
  const std::scoped_lock lock(state_->mutex);
  if (!state_->failure) state_->failure = std::move(reason);
  state_->aborted = true;
  state_->changed.notify_one();
}

void MpiTransport::close() {
  const std::scoped_lock lock(state_->mutex);
  state_->closed = true;
  state_->changed.notify_one();
}

}  // namespace dse::runtime
