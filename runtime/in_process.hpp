// A transport between threads of one process: what property tests and in-process verification run over.
#pragma once

#include <memory>

#include "runtime/transport.hpp"

namespace dse::runtime {

// Joins `devices` ends. A send whose receive is posted is copied at once, else it waits for it without blocking its
// sender. The ends keep the hub's state alive.
class InProcessHub {
 public:
  explicit InProcessHub(std::size_t devices);
  ~InProcessHub();
  Transport& end(std::size_t device);

 private:
  struct State;
  class End;
  std::shared_ptr<State> state_;
  std::vector<std::unique_ptr<End>> ends_;
};

}  // namespace dse::runtime
