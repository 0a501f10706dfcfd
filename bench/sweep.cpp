// Exhaustive correctness sweeps, too long for the suite: every cut position of every network given, and many random
// mappings.
//   bench_sweep [--cuts N (0: every one)] [--random N] [--hybrids N] [--strategies 1] [--frames N] [--seed N]
//   MODEL.onnx...
// Prints a line a network, and a table of the strategies with what of each network stayed whole; exit 9 where a mapping
// was wrong or a swapped slice was not seen.
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "base/error.hpp"
#include "tests/support/reseed.hpp"
#include "tests/support/sweep.hpp"

namespace {

bool constant_filled(const dse::fs::path& file) { return file.stem().string().starts_with("light_"); }

}  // namespace

int main(int argc, char** argv) try {
  dse::test::SweepOptions options;
  bool failed = false;
  const dse::TempDir work("dse-sweep");
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with("--")) {
      if (i + 1 == argc) throw dse::Error(dse::ExitCode::usage, "USAGE", word + " needs a value");
      const std::size_t value = std::strtoull(argv[++i], nullptr, 10);
      if (word == "--cuts")
        options.cuts = value;
      else if (word == "--random")
        options.three_stages = options.four_devices = options.replicas = value;
      else if (word == "--hybrids")
        options.hybrids = value;
      else if (word == "--strategies")
        options.strategies = value != 0;
      else if (word == "--frames")
        options.frames = value;
      else if (word == "--seed")
        options.seed = value;
      else
        throw dse::Error(dse::ExitCode::usage, "USAGE", "unknown option " + word);
      continue;
    }
    const dse::fs::path file = word;
    dse::ImportOptions import;
    if (file.stem() == "ppocr_cls") import.shapes = {{"x", {1, 3, 48, 192}}};
    dse::Network network = dse::Network::import(file, import);
    if (constant_filled(file)) {
      dse::test::write_reseeded(network, work.path() / file.filename(), options.seed);
      network = dse::Network::import(work.path() / file.filename());
    }
    const dse::test::SweepResult result = dse::test::sweep(network, options);
    dse::test::print_rows(std::cout, network.name(), result);
    std::cout << network.name() << " (" << network.layers().size() << " layers): " << result << std::endl;
    failed = failed || result.wrong > 0 || result.unseen > 0;
  }
  return failed ? 9 : 0;
} catch (const dse::Error& error) {
  std::cerr << error.what() << "\n";
  return static_cast<int>(error.exit());
}
