// What a command of `dse` is: its words, its options as data, and a function. The parser, --help, suggestions for
// misspelt words and the documentation all read these records; only dse/cli.cpp knows the parsing library.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dse {

struct OptionSpec {
  std::string name;   // "--platform"
  std::string value;  // "FILE"; empty: a flag
  std::string text;   // one line
  bool required = false;
  bool repeated = false;                  // may be given several times
  std::string fallback = {};              // shown in --help and returned where the option was not given
  std::vector<std::string> choices = {};  // empty: anything
};

struct PositionalSpec {
  std::string name;  // "MODEL"
  std::string text;
  bool required = true;
  bool repeated = false;
};

// The parsed words. Getters that convert throw Error(usage, OPTION-VALUE) naming the option and the allowed range.
class Arguments {
 public:
  void set(const std::string& name, std::string value) { values_.emplace_back(name, std::move(value)); }

  bool has(std::string_view name) const;
  std::string text(std::string_view name) const;               // the last one given; "" where absent
  std::vector<std::string> list(std::string_view name) const;  // every one given
  std::vector<std::string> comma_list(
      std::string_view name) const;  // "a,b,c" split, spaces trimmed, empty items refused
  std::int64_t integer(std::string_view name, std::int64_t lowest, std::int64_t highest) const;
  double number(std::string_view name, double lowest, double highest) const;
  double seconds(std::string_view name) const;  // "90", "90s", "2m", "500ms"

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

enum class Format { table, json, csv };

// Where a command writes: results to out, everything else to err.
struct Console {
  std::ostream& out;
  std::ostream& err;
  Format format = Format::table;
  bool quiet = false;
  bool progress = false;  // stderr is a terminal

  void note(std::string_view line) const;  // "note: ..." unless quiet
  void warn(std::string_view line) const;  // "warning: ..."
};

struct Command {
  std::vector<std::string> words;  // {"model", "inspect"}
  std::string summary;
  std::vector<PositionalSpec> positionals;
  std::vector<OptionSpec> options;                     // --format, --quiet and --help are added to every command
  std::function<int(const Arguments&, Console&)> run;  // exit code; errors are thrown
};

// All commands, in the order of --help (dse/commands/commands.cpp: one line each).
const std::vector<Command>& commands();

// Parses argv and runs; prints errors; returns the exit code.
int run_cli(const std::vector<std::string>& argv, std::ostream& out, std::ostream& err);

// Set by SIGINT/SIGTERM: long commands poll it, save their state and return 130. The second signal ends the process at
// once.
bool interrupted();

}  // namespace dse
