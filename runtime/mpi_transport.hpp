// The transport between devices over MPI. The computing thread makes its own MPI calls: it posts, and it looks for what
// has finished while it waits. While it computes, a communication thread keeps messages moving. One lock orders the
// two.
#pragma once

#include <memory>

#include "program/manifest.hpp"
#include "runtime/transport.hpp"

namespace dse::runtime {

// Made and served by the thread that initialised MPI; the Transport interface is for one other thread. MPI must be
// initialised with MPI_THREAD_SERIALIZED. Devices are the ranks of MPI_COMM_WORLD. A message travels in pieces, of 256
// KiB up to 16 MiB, else 64 of them.
//
// A wait of the sleeping policy first looks without sleeping, for at most a twentieth of the time that was spent
// computing since the waits before, then sleeps between looks, its pauses growing to 500 us: a split stage's devices,
// which finish nearly together, find each other's parts at once, and a device that waits long gives its processor back.
class MpiTransport : public Transport {
 public:
  // `tags`: how many there are; Error(device, TRANSPORT-TAG) where MPI has fewer.
  MpiTransport(const program::WaitPolicy& wait, std::size_t tags);
  ~MpiTransport() override;

  // The communication thread: returns once close() or abort() has been called and, after close(), everything posted is
  // done. With nothing outstanding it sleeps until something is posted.
  void serve();
  // CPU time that serve() and all waits took; once both threads are done.
  double cpu_seconds() const;

  std::size_t device() const override;
  void post_send(std::size_t peer, std::size_t tag, std::span<const std::byte> message, Token token) override;
  void post_receive(std::size_t peer, std::size_t tag, std::span<std::byte> target, Token token) override;
  // With the zero time point: one look.
  bool wait(std::vector<Token>& finished, Clock::time_point until) override;
  // Only ends serve(): the caller ends the MPI job, which is the one way to tell the peers.
  void abort(std::exception_ptr reason) override;
  // Nothing more will be posted.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dse::runtime
