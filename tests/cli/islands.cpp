// mpirun -np N dse explore: islands as processes.
#include <doctest/doctest.h>

#include "dse/archive/archive.hpp"
#include "tests/cli/program.hpp"
#include "tests/support/ranks.hpp"

using namespace dse;
using namespace dse::cli_test;

namespace {

class Bench {
 public:
  Bench() : folder_("dse-islands") {
    REQUIRE(run({"model", "make", "tiny", "-o", at("tiny.onnx")}).exit_code == 0);
    write_file(at("platform.yaml"),
               "dse: platform/1\nname: three\ndevices:\n  - {name: a, host: localhost, cores: 1, memory: 1 GiB}\n"
               "  - {name: b, host: localhost, cores: 1, memory: 1 GiB}\n"
               "  - {name: c, host: localhost, cores: 1, memory: 1 GiB}\n");
  }
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  ProcessResult islands(const std::string& count, const std::string& db, std::vector<std::string> more) const {
    std::vector<std::string> command{cli_test::program().string(), "explore", at("tiny.onnx"), "--platform",
                                     at("platform.yaml"),          "--db",    at(db)};
    command.insert(command.end(), more.begin(), more.end());
    return test::run_ranks(count, std::move(command));
  }
  std::vector<std::string> front(const std::string& db) const {
    std::vector<std::string> mappings;
    for (const auto& candidate : archive::Archive::open(at(db), archive::Archive::Mode::read_only).front(1))
      mappings.push_back(candidate.mapping_json);
    std::sort(mappings.begin(), mappings.end());
    return mappings;
  }

 private:
  TempDir folder_;
};

}  // namespace

TEST_CASE("two islands over MPI give one archive, the same each time, and are resumed as two") {
  const Bench bench;
  const std::vector<std::string> words{"--evaluations", "800", "--population", "20"};
  const ProcessResult first = bench.islands("2", "first.db", words);
  CAPTURE(first.errors);
  REQUIRE(first.exit_code == 0);
  CHECK(first.output.find("run 1: 800 mappings") != std::string::npos);
  REQUIRE(bench.islands("2", "second.db", words).exit_code == 0);
  CHECK(bench.front("first.db") == bench.front("second.db"));
  CHECK(bench.front("first.db").size() > 3);

  const ProcessResult alone = run({"explore", bench.at("tiny.onnx"), "--platform", bench.at("platform.yaml"), "--db",
                                   bench.at("first.db"), "--resume", "1"});
  CHECK(alone.exit_code == 2);
  CHECK(alone.errors.find("RESUME-ISLANDS") != std::string::npos);
  const ProcessResult more = bench.islands("2", "first.db", {"--resume", "1", "--evaluations", "1200"});
  CHECK(more.exit_code == 0);
  CHECK(more.output.find("run 1: 1200 mappings") != std::string::npos);
}

TEST_CASE("what is wrong is said once, by island 0") {
  const Bench bench;
  const ProcessResult result = bench.islands("2", "none.db", {"--strategies", "verticl"});
  CHECK(result.exit_code == 2);
  const std::size_t at = result.errors.find("error[STRATEGIES]");
  REQUIRE(at != std::string::npos);
  CHECK(result.errors.find("error[STRATEGIES]", at + 1) == std::string::npos);
}
