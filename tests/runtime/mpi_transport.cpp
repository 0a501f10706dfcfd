// The transport over MPI, between two real ranks: this program itself, started again by mpirun.
#include "runtime/mpi_transport.hpp"

#include <doctest/doctest.h>

#include <thread>

#include "base/files.hpp"
#include "runtime/mpi_session.hpp"
#include "tests/support/ranks.hpp"

using namespace dse;
using namespace dse::runtime;

TEST_CASE("rank of two: one look finds a message that has arrived" * doctest::skip()) {
  int argc = 0;
  char** argv = nullptr;
  MpiSession session(argc, argv);
  REQUIRE(session.size() == 2);
  std::vector<std::byte> message(64, std::byte{static_cast<unsigned char>(session.rank() == 0 ? 7 : 0)});
  std::vector<Token> finished;
  MpiTransport transport({}, 1);
  session.barrier();
  if (session.rank() == 0) {
    transport.post_send(1, 0, message, 1);
    CHECK(transport.wait(finished, Clock::now() + std::chrono::seconds(20)));
  } else {
    transport.post_receive(0, 0, message, 1);
    // Long enough for it to arrive; nobody calls MPI meanwhile.
    std::this_thread::sleep_for(std::chrono::seconds(1));
    CHECK(transport.wait(finished, {}));
    CHECK(finished == std::vector<Token>{1});
    CHECK(message.front() == std::byte{7});
  }
  session.barrier();
}

TEST_CASE("a worker that looks once finds a message that has arrived") {
  const ProcessResult result = test::run_ranks("2", {(executable_folder() / "test_runtime").string(), "--no-skip",
                                                     "-tc=rank of two: one look finds a message that has arrived"});
  CHECK_MESSAGE(result.exit_code == 0, (result.output + result.errors));
  CHECK(result.output.find("1 passed") != std::string::npos);
}
