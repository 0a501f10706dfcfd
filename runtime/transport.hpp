// Messages between the devices of a deployment: posted without waiting, finished later.
//
// A device posts sends and receives with a token of its own; the transport hands the token back once the memory is free
// again (send) or filled (receive). Messages between the same two devices with the same tag arrive in the order they
// were sent.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

namespace dse::runtime {

using Clock = std::chrono::steady_clock;
using Token = std::uint64_t;

// Tokens of finished operations, passed from whoever finishes them to the one thread that waits.
class CompletionQueue {
 public:
  void push(Token token);
  // From now on every wait throws `reason`; the first failure stays.
  void fail(std::exception_ptr reason);
  // Appends all finished tokens, waiting for the first until `until` (not at all for the zero time point); false when
  // none came. Rethrows a failure.
  bool wait(std::vector<Token>& finished, Clock::time_point until);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Token> tokens_;
  std::exception_ptr failure_;
};

// One device's end. Its methods are called by one thread.
class Transport {
 public:
  Transport() = default;
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  virtual std::size_t device() const = 0;
  // The memory must stay until the token comes back. A message of another size than the receive's is a failure of the
  // run.
  virtual void post_send(std::size_t peer, std::size_t tag, std::span<const std::byte> message, Token token) = 0;
  virtual void post_receive(std::size_t peer, std::size_t tag, std::span<std::byte> target, Token token) = 0;
  // As CompletionQueue::wait. Throws Error(device, TRANSPORT-...) once the run has failed anywhere that this end knows
  // of.
  virtual bool wait(std::vector<Token>& finished, Clock::time_point until) = 0;
  // Ends the run for every device that can be told, so that nobody waits for this one.
  virtual void abort(std::exception_ptr reason) = 0;
};

}  // namespace dse::runtime
