// dse-probe: one measurement for `dse calibrate`, in a process of its own. Reads a request as JSON from its argument,
// prints a report.
#include <cstdio>
#include <exception>
#include <string>

#include "base/error.hpp"
#include "runtime/probes.hpp"

namespace {

constexpr const char* usage =
    "usage: dse-probe timing|memory|power REQUEST\n"
    "       mpirun -n 2 dse-probe link REQUEST\n"
    "One measurement for 'dse calibrate': takes a request, the name of a JSON file or JSON itself, prints a report.\n";

// Ranks on other hosts have no file of ours.
std::string request_of(const std::string& word) {
  constexpr std::uint64_t request_cap = 64u << 20;
  return word.starts_with('{') ? word : dse::read_text(word, request_cap);
}

std::string measure(const std::string& what, const std::string& request, int& argc, char**& argv) {
  using namespace dse::probes;
  if (what == "timing") return to_json(measure_times(timing_request_from_json(request)));
  if (what == "memory") return to_json(measure_memory(memory_request_from_json(request)));
  if (what == "power") return to_json(measure_power(power_request_from_json(request), argc, argv));
  if (what != "link") throw dse::Error(dse::ExitCode::usage, "PROBE-KIND", "the kind is timing, memory, power or link");
  const LinkReport report = measure_link(link_request_from_json(request), argc, argv);
  return report.rank == 0 ? to_json(report) : std::string();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--help") {
    std::fputs(usage, stdout);
    return 0;
  }
  if (argc != 3) {
    std::fputs(usage, stderr);
    return static_cast<int>(dse::ExitCode::usage);
  }
  try {
    const std::string report = measure(argv[1], request_of(argv[2]), argc, argv);
    if (!report.empty()) std::printf("%s\n", report.c_str());
    return 0;
  } catch (const dse::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.exit());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error[INTERNAL]: %s\n", dse::printable(error.what()).c_str());
    return static_cast<int>(dse::ExitCode::internal);
  }
}
