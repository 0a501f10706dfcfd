// The property test of random networks under random mappings, for as many cases as there is time for.
//   bench_random [--cases N] [--seed N] [--per-network N] [--shrink 0]
//   bench_random --replay FILE    the cases in a file, one a line, as printed by an earlier run
// Prints a line every thousand cases and a summary; exit 9 where a case was wrong, with the case made small.
#include <cstdlib>
#include <fstream>
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

// Runs and shrinks the cases of a file.
int replay(const std::string& path) {
  int wrong = 0;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("{")) continue;
    const dse::test::RandomCase one = dse::test::random_case_from_json(line);
    if (!dse::test::CaseSubject(one.network).alive()) std::cout << "left out by now: ";
    const dse::test::CaseVerdict verdict = dse::test::run_case(one);
    std::cout << (verdict.failed ? "wrong: " + verdict.reason : "right") << ", error " << verdict.error << " ("
              << verdict.excess << " of its tolerance), own noise " << dse::test::CaseSubject(one.network).own_noise()
              << std::endl;
    if (!verdict.failed) continue;
    ++wrong;
    std::cout << dse::test::to_json(dse::test::shrunk({one, verdict.reason})) << std::endl;
  }
  return wrong > 0 ? 9 : 0;
}

}  // namespace

int main(int argc, char** argv) try {
  dse::test::RandomRunOptions options;
  options.cases = 50'000;
  bool shrink = true;
  for (int i = 1; i < argc; i += 2) {
    const std::string word = argv[i];
    if (i + 1 == argc) throw dse::Error(dse::ExitCode::usage, "USAGE", word + " needs a value");
    if (word == "--replay") return replay(argv[i + 1]);
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
