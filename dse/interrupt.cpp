// Signals and standard descriptors of the program.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <csignal>

#include "dse/cli.hpp"

namespace dse {
namespace {

volatile std::sig_atomic_t signals_seen = 0;

// Async-signal-safe. The first signal asks; the second one does what the signal does by default.
void on_signal(int signal) {
  if (signals_seen != 0) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
  signals_seen = 1;
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

// A closed stdout becomes one that fails to write (read-only), never the number of the next file that is opened.
void fill_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) [[maybe_unused]]
      const int opened = ::open("/dev/null", O_RDONLY);
}

}  // namespace

bool interrupted() { return signals_seen != 0; }

void prepare_process() {
  fill_standard_descriptors();
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);
}

}  // namespace dse
