// The transport between devices: one communication thread makes every MPI call, and hands over to the computing thread
// by queues.
#pragma once

#include <memory>

#include "program/manifest.hpp"
#include "runtime/transport.hpp"

namespace dse::runtime {

// Made and served by the thread that initialised MPI (MPI_THREAD_FUNNELED is enough); the Transport interface is for
// one other thread. Devices are the ranks of MPI_COMM_WORLD. Messages above 1 GiB travel in pieces of that size.
class MpiTransport : public Transport {
 public:
  // `tags`: how many there are; Error(device, TRANSPORT-TAG) where MPI has fewer.
  MpiTransport(const program::WaitPolicy& wait, std::size_t tags);
  ~MpiTransport() override;

  // Returns once close() or abort() has been called and, after close(), everything posted is done. With nothing
  // outstanding it sleeps until something is posted; else it looks for completions as the wait policy says: sleeping,
  // its pauses grow to 500 us while only receives are outstanding and nothing happens.
  void serve();
  // CPU time that serve() took.
  double cpu_seconds() const;

  std::size_t device() const override;
  void post_send(std::size_t peer, std::size_t tag, std::span<const std::byte> message, Token token) override;
  void post_receive(std::size_t peer, std::size_t tag, std::span<std::byte> target, Token token) override;
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
