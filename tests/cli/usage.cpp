// The program itself: exit codes, streams, and signals, whatever the command.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "dse/command.hpp"
#include "tests/cli/program.hpp"

using namespace dse;
using cli_test::run;
using cli_test::shell;

TEST_CASE("every command has help, on standard output, with its options") {
  for (const Command& command : commands()) {
    std::vector<std::string> words = command.words;
    words.emplace_back("--help");
    const ProcessResult result = run(words);
    CAPTURE(command.words.front());
    CHECK(result.exit_code == 0);
    CHECK(result.errors.empty());
    CHECK(result.output.find(command.summary) != std::string::npos);
    for (const OptionSpec& option : command.options) CHECK(result.output.find(option.name) != std::string::npos);
  }
}

TEST_CASE("every command refuses an option that nobody has, and names itself") {
  for (const Command& command : commands()) {
    std::vector<std::string> words = command.words;
    words.emplace_back("--no-such-option");
    const ProcessResult result = run(words);
    CAPTURE(command.words.front());
    CHECK(result.exit_code == 2);
    CHECK(result.output.empty());
    CHECK(result.errors.find("has no option '--no-such-option'") != std::string::npos);
  }
}

TEST_CASE("the overview lists every command") {
  const ProcessResult result = run({"--help"});
  CHECK(result.exit_code == 0);
  for (const Command& command : commands()) CHECK(result.output.find(command.summary) != std::string::npos);
}

TEST_CASE("misspelt words are suggested") {
  CHECK(run({"explroe"}).exit_code == 2);
  CHECK(run({"explroe"}).errors == "error[USAGE]: 'dse' has no command 'explroe', did you mean 'explore'?\n");
  CHECK(run({"front", "x", "--srot", "period"}).errors.find("did you mean '--sort'?") != std::string::npos);
  CHECK(run({"front", "x", "--sort", "perod"}).errors.find("did you mean 'period'?") != std::string::npos);
  CHECK(run({"estimate", "x", "--platform", "y", "--strategy", "vertcal"}).errors.find("did you mean 'vertical'?") !=
        std::string::npos);
  CHECK(run({"front", "x", "--run", "-1"}).exit_code == 2);
  CHECK(run({}).exit_code == 2);
}

TEST_CASE("the version is one line, or one JSON value") {
  const ProcessResult text = run({"--version"});
  CHECK(text.exit_code == 0);
  CHECK(text.output.starts_with("dse "));
  const nlohmann::json json = nlohmann::json::parse(run({"--version", "--format", "json"}).output);
  for (const char* key : {"dse", "commit", "compiler", "sqlite", "pagmo", "formats"}) CHECK(json.contains(key));
}

TEST_CASE("a standard output that cannot be written is exit 5") {
  for (const char* target : {"> /dev/full", ">&-"}) {
    const ProcessResult result = shell(std::string("\"$DSE\" --help ") + target);
    CAPTURE(target);
    CHECK(result.exit_code == 5);
    CHECK(result.errors.find("error[OUTPUT]") != std::string::npos);
  }
}

TEST_CASE("a reader that has had enough is no failure") {
  const ProcessResult result = shell(
      "set -o pipefail; for i in 1 2 3 4 5 6 7 8; do \"$DSE\" platform schema | head -c 1 > /dev/null || exit $?; "
      "done");
  CHECK(result.exit_code == 0);
  CHECK(result.errors.empty());
}

TEST_CASE("all standard streams closed: still an exit code, and no file opened in their place is written to") {
  const TempDir folder("dse-cli");
  const fs::path file = folder.path() / "runs.db";
  write_file(file, "precious");
  const ProcessResult result = shell("\"$DSE\" front '" + file.string() + "' <&- >&- 2>&-");
  CHECK(result.exit_code == 6);
  CHECK(read_text(file, 100) == "precious");
}

TEST_CASE("a file that is not there, for every command that reads one") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"front", "nosuch.db"},
                                                {"show", "nosuch.db", "1"},
                                                {"compare", "nosuch.db", "1", "2"},
                                                {"export", "nosuch.db"},
                                                {"validate", "nosuch.db", "--top", "1"},
                                                {"model", "inspect", "nosuch.onnx"},
                                                {"platform", "check", "nosuch.yaml"}}) {
    const ProcessResult result = run(words);
    CAPTURE(words.front());
    CHECK(result.exit_code == 3);
    CHECK(result.output.empty());
    CHECK(result.errors.find("nosuch.") != std::string::npos);
    CHECK(result.errors.find("error[") != std::string::npos);
  }
}

TEST_CASE("doctor reports every check, as a table and as one JSON value") {
  const ProcessResult result = run({"doctor", "--format", "json"});
  CHECK((result.exit_code == 0 || result.exit_code == 7));
  const nlohmann::json checks = nlohmann::json::parse(result.output);
  bool missing = false;
  for (const nlohmann::json& check : checks) missing = missing || check["status"] == "MISSING";
  CHECK((result.exit_code == 7) == missing);
  CHECK(result.output.find("power sensor") != std::string::npos);
  const ProcessResult bare = shell("PATH= DSE_ORT_LIBRARY=/nonexistent.so \"$DSE\" doctor");
  CHECK(bare.exit_code == 7);
  CHECK(bare.output.find("MISSING") != std::string::npos);
}

TEST_CASE("doctor lists power sensors with the reason of those that cannot be read; none is no failure") {
  const TempDir tree("dse-doctor");
  const auto rows = [&] {
    const ProcessResult result = run({"doctor", "--format", "json", "--power-root", tree.path().string()});
    std::vector<nlohmann::json> found;
    for (const nlohmann::json& check : nlohmann::json::parse(result.output))
      if (check["check"] == "power sensor") found.push_back(check);
    return found;
  };
  REQUIRE(rows().size() == 1);
  CHECK(rows()[0]["status"] == "ok");
  CHECK(rows()[0]["found"] == "none");
  const fs::path zone = tree.path() / "sys/class/powercap/intel-rapl:0";
  fs::create_directories(zone);
  write_file(zone / "name", "package-0\n");
  write_file(zone / "max_energy_range_uj", "262143328850\n");
  REQUIRE(rows().size() == 1);
  CHECK(rows()[0]["status"] == "ok");
  CHECK(rows()[0]["found"].get<std::string>().starts_with("rapl, not readable: "));
  CHECK(rows()[0]["advice"].get<std::string>().find("energy_uj: cannot be opened") != std::string::npos);
  write_file(zone / "energy_uj", "1\n");
  CHECK(rows()[0]["found"].get<std::string>().starts_with("rapl: "));
  CHECK(rows()[0]["advice"] == "");
}
