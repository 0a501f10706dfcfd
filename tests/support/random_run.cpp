#include "tests/support/random_run.hpp"

#include <algorithm>
#include <optional>
#include <ostream>

#include "base/error.hpp"
#include "tests/support/network_generator.hpp"
#include "tests/support/shrink.hpp"

namespace dse::test {
namespace {

constexpr std::size_t most_kept = 8;

template <typename T>
void keep(std::vector<T>& list, T value) {
  if (list.size() < most_kept) list.push_back(std::move(value));
}

class RandomRun {
 public:
  explicit RandomRun(const RandomRunOptions& options) : options_(options) {}

  RandomRunResult run() {
    for (std::uint64_t number = 0; result_.cases < options_.cases; ++number) {
      // Every network's randomness is its own, so that one can be drawn again without those before it.
      const std::uint64_t seed = options_.seed * 1'000'003 + number;
      const NetworkSpec spec = draw_network(seed);
      std::optional<CaseSubject> subject;
      try {
        subject.emplace(spec);
        if (!subject->alive()) {
          ++result_.dead;
          continue;
        }
      } catch (const Error& error) {
        result_.refused.push_back(std::string(error.what()) + " " + to_json(spec));
        if (result_.refused.size() > most_kept) break;
        continue;
      }
      ++result_.networks;
      result_.layers += subject->network().layers().size();
      Random random(seed);
      for (std::size_t i = 0; i < options_.per_network && result_.cases < options_.cases; ++i)
        try_case(*subject, random);
      options_.progress(result_);
    }
    return std::move(result_);
  }

 private:
  void try_case(CaseSubject& subject, Random& random) {
    const RandomCase one = draw_case(subject, random);
    ++result_.cases;
    const CaseVerdict verdict = subject.run(one);
    if (verdict.failed) {
      ++result_.wrong;
      keep(result_.failures, {one, verdict.reason});
      return;
    }
    result_.worst_error = std::max(result_.worst_error, verdict.error);
    result_.worst_excess = std::max(result_.worst_excess, verdict.excess);
    if (result_.cases % options_.tamper_every != 0) return;
    const CaseVerdict tampered = subject.tamper(one, random);
    if (!tampered.tampered) return;
    ++result_.tampered;
    if (!tampered.unseen) return;
    ++result_.unseen;
    keep(result_.blind, one);
  }

  const RandomRunOptions& options_;
  RandomRunResult result_;
};

// What failures of one kind have in common: the error's code.
std::string kind_of(const std::string& reason) { return reason.substr(0, reason.find_first_of("]:0123456789")); }

}  // namespace

RandomRunResult random_run(const RandomRunOptions& options) { return RandomRun(options).run(); }

RandomCase shrunk(const RandomFailure& failure) {
  return shrink(failure.found, [&](const RandomCase& candidate) {
    const CaseVerdict verdict = run_case(candidate);
    return verdict.failed && kind_of(verdict.reason) == kind_of(failure.reason);
  });
}

std::ostream& operator<<(std::ostream& out, const RandomRunResult& result) {
  out << result.cases << " cases over " << result.networks << " networks (" << result.layers << " layers), "
      << result.wrong << " wrong, worst error " << result.worst_error << " (" << result.worst_excess
      << " of its tolerance), " << result.tampered << " tampered, " << result.unseen << " unseen, " << result.dead
      << " networks dead, " << result.refused.size() << " refused";
  return out;
}

}  // namespace dse::test
