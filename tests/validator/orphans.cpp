#include "validator/orphans.hpp"

#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "base/process.hpp"

using namespace dse;
using namespace std::chrono_literals;

TEST_CASE("marks differ") { CHECK(validator::new_mark() != validator::new_mark()); }

TEST_CASE("marked processes are found and killed, others are not") {
  const std::string mark = validator::new_mark();
  auto child = std::async(std::launch::async, [&] {
    ProcessOptions options;
    // The grandchild leaves the process group, as mpirun's ranks do.
    options.argv = {"sh", "-c", "setsid sleep 60 & sleep 60"};
    options.set_environment = {mark};
    options.deadline = 60s;
    return run_process(options);
  });
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (validator::marked(mark).size() < 3 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(10ms);
  CHECK(validator::marked(mark).size() == 3);
  CHECK(validator::marked(mark + "1").empty());
  CHECK(validator::marked(mark.substr(0, mark.size() - 1)).empty());
  CHECK(validator::stopped(mark).empty());
  const std::string name = mark.substr(0, mark.find('='));
  CHECK(name + "=" + validator::environment_of(validator::marked(mark).front(), name) == mark);
  CHECK(validator::environment_of(validator::marked(mark).front(), "DSE_NO_SUCH_NAME").empty());
  CHECK(validator::sweep(mark));
  CHECK(validator::marked(mark).empty());
  CHECK(child.get().signal == 9);
}
