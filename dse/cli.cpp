// The only file that knows the parsing library. CLI11 splits the words; every rule with a message of its own is checked
// here, since the library would report a missing option before a misspelt one and suggests nothing.
#include <CLI/CLI.hpp>
//
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/suggest.hpp"
#include "dse/cli.hpp"

namespace dse {
namespace {

[[noreturn]] void usage_error(const std::string& message) { throw Error(ExitCode::usage, "USAGE", message); }

// "-o,--output" is given as "--output" to the command.
std::string long_name(const std::string& names) { return names.substr(names.rfind(',') + 1); }

bool is_flag(const OptionSpec& option) { return option.value.empty(); }

std::vector<OptionSpec> all_options(const Command& command) {
  std::vector<OptionSpec> options = command.options;
  for (const OptionSpec& common : common_options()) {
    const auto same = [&](const OptionSpec& own) { return long_name(own.name) == long_name(common.name); };
    if (std::none_of(options.begin(), options.end(), same)) options.push_back(common);
  }
  return options;
}

std::string title(const Command& command) { return fmt::format("dse {}", fmt::join(command.words, " ")); }

std::string help_text(const OptionSpec& option) {
  if (option.choices.empty()) return option.text;
  return fmt::format("{} ({})", option.text, fmt::join(option.choices, ", "));
}

// The library's picture of a command. `for_help` adds the marks that only --help shows.
class Grammar {
 public:
  Grammar(const Command& command, bool for_help) : app_(command.summary, title(command)) {
    app_.set_help_flag("");
    app_.allow_extras(true);
    for (const OptionSpec& option : all_options(command)) add(option, for_help);
    for (const PositionalSpec& positional : command.positionals) add(positional, for_help);
    app_.get_formatter()->column_width(34);
  }

  CLI::App& app() { return app_; }
  const std::vector<std::string>& results(const std::string& name) const { return options_.at(name)->results(); }
  bool is_option_name(const std::string& word) const {
    return std::any_of(options_.begin(), options_.end(),
                       [&](const auto& entry) { return entry.second->check_name(word); });
  }
  std::vector<std::string> option_names() const {
    std::vector<std::string> names;
    for (const auto& [name, option] : options_)
      if (name.starts_with("--")) names.push_back(name);
    return names;
  }

 private:
  void add(const OptionSpec& spec, bool for_help) {
    CLI::Option* option = is_flag(spec) ? app_.add_flag_function(
                                              spec.name, [](std::int64_t) {}, help_text(spec))
                                        : app_.add_option(
                                              spec.name, [](const CLI::results_t&) { return true; }, help_text(spec));
    if (!is_flag(spec))
      option->type_name(spec.value)
          ->expected(1)
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (for_help) option->required(spec.required);
    if (for_help && !spec.fallback.empty()) option->default_str(spec.fallback);
    options_[long_name(spec.name)] = option;
  }

  void add(const PositionalSpec& spec, bool for_help) {
    CLI::Option* option = app_.add_option(
        spec.name, [](const CLI::results_t&) { return true; }, spec.text);
    option->type_name("")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (spec.repeated) option->expected(0, 1 << 20);
    option->allow_extra_args(spec.repeated);
    if (for_help) option->required(spec.required);
    options_[spec.name] = option;
  }

  CLI::App app_;
  std::map<std::string, CLI::Option*> options_;
};

void refuse_extras(const Grammar& grammar, const std::vector<std::string>& extras, const Command& command) {
  for (const std::string& word : extras) {
    if (word == "--") continue;
    if (word.size() > 1 && word.front() == '-') {
      const std::string name = word.substr(0, word.find('='));
      usage_error(fmt::format("'{}' has no option '{}'{}", title(command), printable(name),
                              suggestion(name, grammar.option_names())));
    }
    usage_error(fmt::format("'{}' does not take the argument '{}'; see '{} --help'", title(command), printable(word),
                            title(command)));
  }
}

void check_values(const Grammar& grammar, const OptionSpec& option, const std::string& name,
                  const std::vector<std::string>& values) {
  if (values.empty()) {
    if (option.required) usage_error(fmt::format("'{} {}' is required: {}", name, option.value, option.text));
    return;
  }
  if (!option.repeated && values.size() > 1)
    usage_error(fmt::format("'{}' was given {} times; it takes one value", name, values.size()));
  for (const std::string& value : values) {
    if (grammar.is_option_name(value))
      usage_error(fmt::format("'{}' needs a value ({}), but '{}' follows", name, option.value, value));
    if (option.choices.empty()) continue;
    if (std::find(option.choices.begin(), option.choices.end(), value) == option.choices.end())
      usage_error(fmt::format("'{}' cannot be '{}'{}", name, printable(value), suggestion(value, option.choices)));
  }
}

void take_option(const Grammar& grammar, const OptionSpec& option, Arguments& arguments) {
  const std::string name = long_name(option.name);
  const std::vector<std::string>& values = grammar.results(name);
  if (is_flag(option)) {
    if (!values.empty() && values.back() != "false") arguments.set(name, "true");
    return;
  }
  check_values(grammar, option, name, values);
  for (const std::string& value : values) arguments.set(name, value);
  if (values.empty() && !option.fallback.empty()) arguments.set(name, option.fallback);
}

void take_positional(const Grammar& grammar, const PositionalSpec& positional, const Command& command,
                     Arguments& arguments) {
  const std::vector<std::string>& values = grammar.results(positional.name);
  if (values.empty() && positional.required)
    usage_error(fmt::format("'{}' needs {}: {}; see '{} --help'", title(command), positional.name, positional.text,
                            title(command)));
  for (const std::string& value : values) arguments.set(positional.name, value);
}

Format format_from(const std::string& text) {
  return text == "json" ? Format::json : text == "csv" ? Format::csv : Format::table;
}

}  // namespace

const std::vector<OptionSpec>& common_options() {
  static const std::vector<OptionSpec> options = {
      {"--format",
       "FORMAT",
       "how results are written to standard output",
       false,
       false,
       "table",
       {"table", "json", "csv"}},
      {"-q,--quiet", "", "no notes and no progress on standard error", false, false, "", {}},
      {"-h,--help", "", "show this text", false, false, "", {}},
  };
  return options;
}

Parsed parse_command(const Command& command, const std::vector<std::string>& words) {
  Grammar grammar(command, false);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    grammar.app().parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::string first_line = error.what();
    first_line = first_line.substr(0, first_line.find('\n'));
    usage_error(fmt::format("'{}': {}; see '{} --help'", title(command), printable(first_line), title(command)));
  }
  Parsed parsed;
  if (!grammar.results("--help").empty()) {
    parsed.help = true;
    return parsed;
  }
  refuse_extras(grammar, grammar.app().remaining(), command);
  for (const PositionalSpec& positional : command.positionals)
    take_positional(grammar, positional, command, parsed.arguments);
  for (const OptionSpec& option : all_options(command)) take_option(grammar, option, parsed.arguments);
  parsed.format = format_from(parsed.arguments.text("--format"));
  parsed.quiet = parsed.arguments.has("--quiet");
  return parsed;
}

std::string command_help(const Command& command) { return Grammar(command, true).app().help(); }

}  // namespace dse
