// The islands of one search, each a process: what they use to talk to each other. Programs that run over MPI bring one;
// without it a search is alone.
#pragma once

#include <string>
#include <vector>

namespace dse::search {

class Archipelago {
 public:
  virtual ~Archipelago() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Every island's text, by rank, at every island. All islands call it equally often.
  virtual std::vector<std::string> gather_all(const std::string& text) = 0;
};

// Of the calling thread; null: alone. Must outlive the search.
Archipelago* archipelago();
void set_archipelago(Archipelago* of_thread);

}  // namespace dse::search
