// The property test of random networks under random mappings, for as many cases as there is time for.
//   bench_random [--cases N] [--seed N] [--per-network N] [--shrink 0]
// Prints a line every thousand cases and a summary; exit 9 where a case was wrong, with the case made small.
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/error.hpp"
#include "tests/support/random_run.hpp"

namespace {

void report(const dse::test::RandomRunResult& result, bool shrink) {
  for (const dse::test::RandomCase& one : result.blind) std::cout << "unseen: " << dse::test::to_json(one) << "\n";
  for (const dse::test::RandomFailure& failure : result.failures)
    if (shrink)
      std::cout << "small: " << failure.reason << "\n" << dse::test::to_json(dse::test::shrunk(failure)) << std::endl;
}

}  // namespace

int main(int argc, char** argv) try {
  dse::test::RandomRunOptions options;
  options.cases = 50'000;
  bool shrink = true;
  for (int i = 1; i < argc; i += 2) {
    const std::string word = argv[i];
    if (i + 1 == argc) throw dse::Error(dse::ExitCode::usage, "USAGE", word + " needs a value");
    const std::size_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (word == "--cases")
      options.cases = value;
    else if (word == "--seed")
      options.seed = value;
    else if (word == "--per-network")
      options.per_network = value;
    else if (word == "--shrink")
      shrink = value != 0;
    else
      throw dse::Error(dse::ExitCode::usage, "USAGE", "unknown option " + word);
  }
  std::size_t told = 0, wrong = 0, refused = 0;
  options.progress = [&](const dse::test::RandomRunResult& result) {
    for (; wrong < result.failures.size(); ++wrong)
      std::cout << "wrong: " << result.failures[wrong].reason << "\n"
                << dse::test::to_json(result.failures[wrong].found) << std::endl;
    for (; refused < result.refused.size(); ++refused) std::cout << "refused: " << result.refused[refused] << std::endl;
    if (result.cases / 1000 == told) return;
    told = result.cases / 1000;
    std::cout << result << std::endl;
  };
  const dse::test::RandomRunResult result = dse::test::random_run(options);
  std::cout << result << std::endl;
  report(result, shrink);
  return result.wrong > 0 || !result.refused.empty() ? 9 : 0;
} catch (const dse::Error& error) {
  std::cerr << error.what() << "\n";
  return static_cast<int>(error.exit());
}
