// Arguments: the parsed words, converted on demand. Console: the lines that are not results.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "dse/command.hpp"

namespace dse {
namespace {

[[noreturn]] void bad_value(std::string_view name, std::string_view value, const std::string& expected) {
  throw Error(ExitCode::usage, "OPTION-VALUE",
              fmt::format("'{}' cannot be '{}'; it takes {}", name, printable(value), expected));
}

// The whole text as a number, nothing before or after it.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

bool Arguments::has(std::string_view name) const {
  for (const auto& [key, value] : values_)
    if (key == name) return true;
  return false;
}

std::string Arguments::text(std::string_view name) const {
  std::string last;
  for (const auto& [key, value] : values_)
    if (key == name) last = value;
  return last;
}

std::vector<std::string> Arguments::list(std::string_view name) const {
  std::vector<std::string> all;
  for (const auto& [key, value] : values_)
    if (key == name) all.push_back(value);
  return all;
}

std::vector<std::string> Arguments::comma_list(std::string_view name) const {
  std::vector<std::string> items;
  if (!has(name)) return items;
  const std::string value = text(name);
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t comma = std::min(value.find(',', begin), value.size());
    const std::string_view item = trimmed(std::string_view(value).substr(begin, comma - begin));
    if (item.empty()) bad_value(name, value, "words with commas between them, none of them empty");
    items.emplace_back(item);
    begin = comma + 1;
  }
  return items;
}

std::int64_t Arguments::integer(std::string_view name, std::int64_t lowest, std::int64_t highest) const {
  const std::string value = text(name);
  const auto number = parse_number<std::int64_t>(value);
  if (!number || *number < lowest || *number > highest)
    bad_value(name, value, fmt::format("a whole number from {} to {}", lowest, highest));
  return *number;
}

double Arguments::number(std::string_view name, double lowest, double highest) const {
  const std::string value = text(name);
  const auto number = parse_number<double>(value);
  if (!number || !std::isfinite(*number) || *number < lowest || *number > highest)
    bad_value(name, value, fmt::format("a number from {} to {}", lowest, highest));
  return *number;
}

double Arguments::seconds(std::string_view name) const {
  const std::string value = text(name);
  static constexpr std::pair<std::string_view, double> units[] = {
      {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"", 1}};
  for (const auto& [unit, factor] : units) {
    if (!value.ends_with(unit)) continue;
    const auto number = parse_number<double>(std::string_view(value).substr(0, value.size() - unit.size()));
    if (!number || !std::isfinite(*number) || *number <= 0 || *number * factor > 3.2e7) break;
    return *number * factor;
  }
  bad_value(name, value, "a duration above zero such as 90, 90s, 2m or 500ms");
}

void Console::note(std::string_view line) const {
  if (!quiet) err << "note: " << line << std::endl;
}

void Console::warn(std::string_view line) const { err << "warning: " << line << std::endl; }

}  // namespace dse
