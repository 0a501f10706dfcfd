// Words to commands: what is accepted, and that every mistake is named with what would be right.
#include <doctest/doctest.h>

#include <new>
#include <sstream>

#include "base/error.hpp"
#include "dse/cli.hpp"

using namespace dse;

namespace {

struct Outcome {
  int code = 0;
  std::string out, err;
};

// Two commands that print what they were given; "fail" throws what its argument names.
const std::vector<Command>& sample_commands() {
  static const std::vector<Command> commands = {
      {{"model", "inspect"},
       "looks at a model",
       {{"MODEL", "the model"}, {"MORE", "others", false, true}},
       {{"--shape", "S", "binds a shape", false, true},
        {"-o,--output", "FILE", "where to"},
        {"--level", "L", "how much", false, false, "low", {"low", "high"}},
        {"--dry-run", "", "writes nothing"}},
       [](const Arguments& arguments, Console& console) {
         console.out << arguments.text("MODEL") << '|';
         for (const std::string& more : arguments.list("MORE")) console.out << more << ',';
         console.out << '|';
         for (const std::string& shape : arguments.list("--shape")) console.out << shape << ',';
         console.out << '|' << arguments.text("--output") << '|' << arguments.text("--level") << '|'
                     << arguments.has("--dry-run") << '|' << static_cast<int>(console.format) << '|' << console.quiet;
         console.note("a note");
         console.warn("a warning");
         return 4;
       }},
      {{"model", "make"},
       "makes a model",
       {},
       {{"--seed", "N", "the seed", true}},
       [](const Arguments&, Console&) { return 0; }},
      {{"fail"}, "fails", {{"HOW", "how"}}, {}, [](const Arguments& arguments, Console&) -> int {
         if (arguments.text("HOW") == "error") throw Error(ExitCode::database, "DB-BUSY", {"a.db"}, "is in use");
         if (arguments.text("HOW") == "memory") throw std::bad_alloc();
         if (arguments.text("HOW") == "long") throw std::runtime_error("function: f\nwhere: g.cpp\nwhat: h");
         throw 7;
       }}};
  return commands;
}

Outcome run(std::vector<std::string> words) {
  std::ostringstream out, err;
  words.insert(words.begin(), "dse");
  const int code = run_commands(sample_commands(), words, out, err);
  return {code, out.str(), err.str()};
}

void check_usage(const std::vector<std::string>& words, const std::string& message) {
  const Outcome outcome = run(words);
  CAPTURE(outcome.err);
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.find("error[USAGE]: ") != std::string::npos);
  CHECK(outcome.err.find(message) != std::string::npos);
}

}  // namespace

TEST_CASE("a command gets its words, wherever its options stand") {
  const Outcome plain = run({"model", "inspect", "m.onnx"});
  CHECK(plain.code == 4);
  CHECK(plain.out == "m.onnx||||low|0|0|0");
  CHECK(plain.err == "note: a note\nwarning: a warning\n");
  CHECK(run({"model", "inspect", "--shape", "a=1", "m.onnx", "x", "--level", "high", "y", "--format", "json", "-q"})
            .err == "warning: a warning\n");
  CHECK(run({"model", "inspect", "--shape", "a=1", "m.onnx", "x", "--shape=b=2", "y", "-o", "f", "--dry-run", "--level",
             "high", "--format", "json", "-q"})
            .out == "m.onnx|x,y,|a=1,b=2,|f|high|1|1|1");
  CHECK(run({"model", "inspect", "--", "-m.onnx"}).out == "-m.onnx||||low|0|0|0");
  CHECK(run({"model", "inspect", "m", "-q"}).err == "warning: a warning\n");
}

TEST_CASE("a mistake is named, with what would be right") {
  check_usage({}, "a command is needed");
  check_usage({"modle"}, "'dse' has no command 'modle', did you mean 'model'?");
  check_usage({"model"}, "needs one more word: inspect, make");
  check_usage({"model", "inspct", "m"}, "'dse model' has no command 'inspct', did you mean 'inspect'?");
  check_usage({"--format", "json", "model", "inspect", "m"}, "comes before the command");
  check_usage({"model", "inspect"}, "needs MODEL");
  check_usage({"model", "inspect", "m", "--shpae", "1"}, "no option '--shpae', did you mean '--shape'?");
  check_usage({"model", "inspect", "--outptu=f"}, "no option '--outptu', did you mean '--output'?");
  check_usage({"model", "inspect", "m", "--level", "hihg"}, "'--level' cannot be 'hihg', did you mean 'high'?");
  check_usage({"model", "inspect", "m", "--format", "jsn"}, "did you mean 'json'?");
  check_usage({"model", "inspect", "m", "--level"}, "--level");
  check_usage({"model", "inspect", "m", "--output", "--dry-run"},
              "'--output' needs a value (FILE), but '--dry-run' follows");
  check_usage({"model", "inspect", "m", "-o", "a", "-o", "b"}, "'--output' was given 2 times");
  check_usage({"model", "make"}, "'--seed N' is required");
  check_usage({"model", "make", "--seed", "1", "extra"}, "does not take the argument 'extra'");
  check_usage({"help", "modle"}, "did you mean 'model'?");
}

TEST_CASE("control characters of a word are not sent to the terminal") { check_usage({"\x1b[31mred"}, "\\x1b[31mred"); }

TEST_CASE("help names everything, on standard output") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"}, {"-h"}, {"help"}}) {
    const Outcome overview = run(words);
    CHECK(overview.code == 0);
    CHECK(overview.err.empty());
    for (const char* text : {"model inspect", "model make", "fail", "looks at a model", "--version"})
      CHECK(overview.out.find(text) != std::string::npos);
  }
  CHECK(run({"model", "--help"}).out.find("makes a model") != std::string::npos);
  const Outcome help = run({"model", "inspect", "--help"});
  CHECK(help.code == 0);
  CHECK(help.out == run({"help", "model", "inspect"}).out);
  for (const char* text :
       {"MODEL", "--shape", "-o,--output FILE", "where to", "low", "high", "--format", "--quiet", "--dry-run"})
    CHECK(help.out.find(text) != std::string::npos);
  CHECK(run({"model", "make", "--help"}).code == 0);
}

TEST_CASE("what is thrown becomes one line and an exit code") {
  CHECK(run({"fail", "error"}).code == 6);
  CHECK(run({"fail", "error"}).err == "a.db: error[DB-BUSY]: is in use\n");
  CHECK(run({"fail", "memory"}).code == 1);
  CHECK(run({"fail", "memory"}).err == "error[INTERNAL]: out of memory\n");
  CHECK(run({"fail", "long"}).err == "error[INTERNAL]: function: f\n");
  CHECK(run({"fail", "odd"}).code == 1);
}

TEST_CASE("an output that cannot be written is exit 5, whatever the command said") {
  std::ostringstream out, err;
  out.setstate(std::ios::badbit);
  CHECK(run_commands(sample_commands(), {"dse", "model", "inspect", "m"}, out, err) == 5);
  CHECK(err.str().find("error[OUTPUT]") != std::string::npos);
}

TEST_CASE("getters convert, and name the option and its range when they cannot") {
  Arguments a;
  a.set("--n", "12");
  a.set("--x", "1.5");
  a.set("--t", "2m");
  a.set("--list", "a, b,c");
  a.set("--empty", "a,,b");
  CHECK(a.integer("--n", 0, 12) == 12);
  CHECK(a.number("--x", 0, 2) == 1.5);
  CHECK(a.comma_list("--list") == std::vector<std::string>{"a", "b", "c"});
  CHECK(a.comma_list("--absent").empty());
  CHECK_THROWS_AS(a.comma_list("--empty"), Error);
  CHECK_THROWS_WITH_AS(a.integer("--n", 0, 11),
                       "error[OPTION-VALUE]: '--n' cannot be '12'; it takes a whole number from 0 to 11", Error);
  CHECK_THROWS_AS(a.integer("--x", 0, 11), Error);
  CHECK_THROWS_AS(a.integer("--absent", 0, 11), Error);
  const auto integer = [](const std::string& text) {
    Arguments b;
    b.set("--n", text);
    return b.integer("--n", INT64_MIN, INT64_MAX);
  };
  CHECK(integer("-5") == -5);
  for (const char* bad : {"", " 5", "5 ", "0x10", "1e3", "9223372036854775808", "five"})
    CHECK_THROWS_AS(integer(bad), Error);
  const auto number = [](const std::string& text) {
    Arguments b;
    b.set("--x", text);
    return b.number("--x", -1e300, 1e300);
  };
  CHECK(number("1e-3") == 1e-3);
  for (const char* bad : {"", "nan", "inf", "1,5", "1e400", "2x"}) CHECK_THROWS_AS(number(bad), Error);
  const auto seconds = [](const std::string& text) {
    Arguments b;
    b.set("--t", text);
    return b.seconds("--t");
  };
  CHECK(seconds("90") == 90);
  CHECK(seconds("90s") == 90);
  CHECK(seconds("2m") == 120);
  CHECK(seconds("1h") == 3600);
  CHECK(seconds("500ms") == doctest::Approx(0.5));
  for (const char* bad : {"", "0", "-1", "s", "5 s", "5d", "nan", "1e99"}) CHECK_THROWS_AS(seconds(bad), Error);
}
