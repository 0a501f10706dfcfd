// Between argv and a command: what run_cli() is made of, apart so that tests can bring commands of their own.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "dse/command.hpp"

namespace dse {

struct Parsed {
  Arguments arguments;
  Format format = Format::table;
  bool quiet = false;
  bool help = false;  // --help was among the words: nothing else has been checked
};

// Parses the words after the command's own. Throws Error(usage, USAGE) that names the word, with a suggestion where it
// is misspelt.
Parsed parse_command(const Command& command, const std::vector<std::string>& words);

// The text of `dse COMMAND --help`.
std::string command_help(const Command& command);

// run_cli() over a given list of commands.
int run_commands(const std::vector<Command>& commands, const std::vector<std::string>& argv, std::ostream& out,
                 std::ostream& err);

// Text of an option that every command has.
const std::vector<OptionSpec>& common_options();

// SIGINT and SIGTERM set interrupted() once and end the process the second time; SIGPIPE and SIGXFSZ become write
// errors. Closed standard descriptors are filled, so that no file opened later is mistaken for stdout.
void prepare_process();

}  // namespace dse
