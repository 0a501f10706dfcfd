// MPI as a worker uses it outside of frames: started and ended once, collectives that wait without spinning, and clocks
// compared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dse::runtime {

// Throws Error(device, MPI) where `result` is not MPI_SUCCESS.
void check_mpi(int result, const char* what);

class MpiSession {
 public:
  // Initialises MPI for calls by one thread at a time.
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  static std::string version();

  void barrier();
  int largest(int value);                                      // over all ranks
  std::vector<std::string> gather(const std::string& text);    // at rank 0, by rank; elsewhere empty
  std::vector<std::uint64_t> gather_all(std::uint64_t value);  // at every rank, by rank
  std::vector<std::string> gather_all(const std::string& text);

  // Seconds to add to this rank's steady clock to get rank 0's: half-way of the fastest of `rounds` round trips. Ranks
  // from `ranks` on only take part in the barrier.
  double clock_offset(int ranks, int rounds = 20);

  // Ends every rank of the job with this exit code.
  [[noreturn]] static void abort(int code);

 private:
  struct State;
  std::unique_ptr<State> state_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace dse::runtime
