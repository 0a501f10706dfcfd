#include <cstdio>
#include <exception>

#include "base/error.hpp"
#include "runtime/worker.hpp"

namespace {

using namespace dse;

int run(int argc, char** argv) {
  const runtime::WorkerOptions options = runtime::parse_worker_options({argv + 1, argv + argc});
  if (options.help) return std::fputs(runtime::worker_usage, stdout) < 0 ? static_cast<int>(ExitCode::io) : 0;
  if (options.version)
    return std::fputs(runtime::versions_json().c_str(), stdout) < 0 ? static_cast<int>(ExitCode::io) : 0;
  runtime::Watchdog watchdog("dse-worker");
  watchdog.arm(runtime::start_deadline(0), "starting MPI");
  runtime::MpiSession session(argc, argv);
  try {
    return runtime::Worker(session, watchdog, options).run();
  } catch (...) {
    runtime::MpiSession::abort(runtime::print_failure(session.rank(), std::current_exception()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  runtime::die_with_parent();
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "dse-worker: %s\n", error.what());
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dse-worker: error[INTERNAL]: %s\n", printable(error.what()).c_str());
    return static_cast<int>(ExitCode::internal);
  }
}
