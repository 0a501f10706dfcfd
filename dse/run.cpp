// From words to a command: finding it, help, version, and turning what is thrown into a line and an exit code.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "base/error.hpp"
#include "base/suggest.hpp"
#include "dse/cli.hpp"
#include "dse/version.hpp"

namespace dse {
namespace {

using Words = std::vector<std::string>;

bool starts_with(const Words& words, const Words& prefix) {
  return words.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), words.begin());
}

std::string joined(const Words& words) { return fmt::format("{}", fmt::join(words, " ")); }

std::string overview(const std::vector<Command>& commands) {
  std::string text =
      "dse: how should this network be cut up and placed on these devices?\n\n"
      "Usage: dse COMMAND [OPTIONS]\n\nCommands:\n";
  for (const Command& command : commands) text += fmt::format("  {:<20} {}\n", joined(command.words), command.summary);
  text += "\nOptions:\n  -h,--help            show this text; 'dse COMMAND --help' shows a command's\n";
  text += "  --version            version of dse and of what it is built with (--format json)\n";
  return text;
}

// The words that may follow `prefix` on the way to a command.
Words next_words(const std::vector<Command>& commands, const Words& prefix) {
  Words next;
  for (const Command& command : commands) {
    if (command.words.size() <= prefix.size() || !starts_with(command.words, prefix)) continue;
    const std::string& word = command.words[prefix.size()];
    if (std::find(next.begin(), next.end(), word) == next.end()) next.push_back(word);
  }
  return next;
}

// The command that the words begin with; throws where there is none, naming the first word that leads nowhere.
const Command& find_command(const std::vector<Command>& commands, const Words& words) {
  for (const Command& command : commands)
    if (starts_with(words, command.words)) return command;
  Words prefix;
  while (prefix.size() < words.size()) {
    prefix.push_back(words[prefix.size()]);
    if (next_words(commands, prefix).empty()) {
      const std::string word = prefix.back();
      prefix.pop_back();
      if (word.starts_with("-"))
        throw Error(ExitCode::usage, "USAGE",
                    fmt::format("'{}' comes before the command; options follow it. See 'dse --help'", printable(word)));
      throw Error(ExitCode::usage, "USAGE",
                  fmt::format("'dse{}{}' has no command '{}'{}", prefix.empty() ? "" : " ", fmt::join(prefix, " "),
                              printable(word), suggestion(word, next_words(commands, prefix))));
    }
  }
  throw Error(ExitCode::usage, "USAGE",
              fmt::format("'dse {}' needs one more word: {}", fmt::join(words, " "),
                          fmt::join(next_words(commands, prefix), ", ")));
}

int print_version(const Words& words, std::ostream& out) {
  const Command version{{"--version"}, "version", {}, {}, {}};
  const Parsed parsed = parse_command(version, Words(words.begin() + 1, words.end()));
  if (parsed.format == Format::json)
    out << versions_json() << '\n';
  else
    out << "dse " << version_text() << '\n';
  return 0;
}

int run_words(const std::vector<Command>& commands, const Words& words, std::ostream& out, std::ostream& err) {
  if (words.empty()) {
    err << overview(commands);
    throw Error(ExitCode::usage, "USAGE", "a command is needed");
  }
  const std::string& first = words.front();
  if (first == "--version") return print_version(words, out);
  if (first == "--help" || first == "-h" || (first == "help" && words.size() == 1)) {
    out << overview(commands);
    return 0;
  }
  if (first == "help") {
    out << command_help(find_command(commands, Words(words.begin() + 1, words.end())));
    return 0;
  }
  // `dse model --help` lists what `model` leads to.
  if (words.size() == 2 && (words[1] == "--help" || words[1] == "-h") && !next_words(commands, {first}).empty()) {
    for (const Command& command : commands)
      if (command.words.front() == first) out << fmt::format("dse {:<20} {}\n", joined(command.words), command.summary);
    return 0;
  }
  const Command& command = find_command(commands, words);
  const Parsed parsed =
      parse_command(command, Words(words.begin() + static_cast<std::ptrdiff_t>(command.words.size()), words.end()));
  if (parsed.help) {
    out << command_help(command);
    return 0;
  }
  Console console{out, err, parsed.format, parsed.quiet, ::isatty(STDERR_FILENO) == 1};
  return command.run(parsed.arguments, console);
}

int guarded(const std::vector<Command>& commands, const Words& words, std::ostream& out, std::ostream& err) {
  try {
    return run_words(commands, words, out, err);
  } catch (const Error& error) {
    err << error.what() << std::endl;
    return static_cast<int>(error.exit());
  } catch (const std::bad_alloc&) {
    err << "error[INTERNAL]: out of memory" << std::endl;
  } catch (const std::exception& error) {
    // A library's text may run over several lines: the first one is enough for a reader.
    const std::string_view text = error.what();
    err << "error[INTERNAL]: " << printable(text.substr(0, text.find('\n')), 500) << std::endl;
  } catch (...) {
    err << "error[INTERNAL]: an exception of unknown type" << std::endl;
  }
  return static_cast<int>(ExitCode::internal);
}

}  // namespace

int run_commands(const std::vector<Command>& commands, const std::vector<std::string>& argv, std::ostream& out,
                 std::ostream& err) {
  const Words words(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  const int code = guarded(commands, words, out, err);
  if (out.flush()) return code;
  err << "error[OUTPUT]: standard output cannot be written; is the disk full, or the descriptor closed?" << std::endl;
  return static_cast<int>(ExitCode::io);
}

int run_cli(const std::vector<std::string>& argv, std::ostream& out, std::ostream& err) {
  return run_commands(commands(), argv, out, err);
}

}  // namespace dse
