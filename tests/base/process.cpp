#include "base/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <string>

#include "base/error.hpp"
#include "base/files.hpp"

using namespace dse;
using namespace std::chrono_literals;

namespace {

ProcessResult shell(const std::string& script, std::chrono::milliseconds deadline = 20s) {
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", script};
  options.deadline = deadline;
  return run_process(options);
}

}  // namespace

TEST_CASE("a file is what the child reads, and nothing else") {
  const TempDir folder("dse-test-process");
  write_file(folder.path() / "input", std::string("a\0b", 3));
  ProcessOptions options;
  options.argv = {"cat"};
  options.input = (folder.path() / "input").string();
  CHECK(run_process(options).output == std::string("a\0b", 3));
  CHECK(shell("cat").output.empty());
  options.input += ".absent";
  CHECK_THROWS_AS(run_process(options), Error);
}

TEST_CASE("exit code, output and errors come back") {
  const ProcessResult result = shell("echo out; echo err >&2; exit 7");
  CHECK(result.exit_code == 7);
  CHECK(result.output == "out\n");
  CHECK(result.errors == "err\n");
}

TEST_CASE("a signal is told from an exit") {
  const ProcessResult result = shell("kill -9 $$");
  CHECK(result.signal == SIGKILL);
  CHECK(result.exit_code == 137);
}

TEST_CASE("past the deadline the whole group is gone") {
  const ProcessResult result = shell("sleep 100 & echo $!; wait", 300ms);
  CHECK(result.timed_out);
  const pid_t grandchild = std::stoi(result.output);
  bool gone = false;
  for (int i = 0; i < 100 && !gone; ++i) {
    gone = shell("grep -q '^State:.*Z' /proc/" + std::to_string(grandchild) + "/status 2>/dev/null || ! kill -0 " +
                 std::to_string(grandchild) + " 2>/dev/null")
               .exit_code == 0;
  }
  CHECK(gone);
}

TEST_CASE("a grandchild that holds the pipes does not hold the caller") {
  const ProcessResult result = shell("sleep 100 & exit 3");
  CHECK(result.exit_code == 3);
  CHECK(result.seconds < 15);
}

TEST_CASE("a missing program is an error with its name") {
  ProcessOptions options;
  options.argv = {"/nonexistent/program"};
  CHECK_THROWS_WITH_AS(run_process(options), doctest::Contains("/nonexistent/program"), Error);
}

TEST_CASE("output beyond the cap is dropped, not kept") {
  ProcessOptions options;
  options.argv = {"/bin/sh", "-c", "head -c 1000000 /dev/zero"};
  options.output_cap = 1000;
  CHECK(run_process(options).output.size() == 1000);
}
