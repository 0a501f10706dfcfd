// Numbers and quantities: one strict grammar, and messages that say what would be right.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "base/suggest.hpp"
#include "platform/yaml_node.hpp"

namespace dse::yaml {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits_from(std::string_view text, std::size_t i) {
  while (i < text.size() && digit(text[i])) ++i;
  return i;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string name_of(const Value::Node& node) {
  return node.label.empty() ? "this" : fmt::format("'{}'", printable(node.label, 60));
}

// Why a text that looks like a number is none.
std::string number_hint(std::string_view text) {
  const std::string_view digits = text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
  if (text.find(',') != std::string_view::npos) return "write a decimal point, not a comma";
  if (text.find('_') != std::string_view::npos) return "write it without underscores";
  if (digits.starts_with("0x") || digits.starts_with("0X") || digits.starts_with("0o")) return "write it in decimal";
  if (equals_ignoring_case(digits, ".nan") || equals_ignoring_case(digits, ".inf") ||
      equals_ignoring_case(digits, "nan") || equals_ignoring_case(digits, "inf"))
    return "it must be finite";
  if (digits.size() > 1 && digits[0] == '0' && digit(digits[1]))
    return "write it without leading zeros (it is not octal)";
  if (text.starts_with('+')) return "write it without the plus sign";
  if (text.starts_with('.') || text.ends_with('.')) return "write digits on both sides of the decimal point";
  return "write a decimal number such as 12 or 0.5";
}

const std::string& plain_number_text(const Value& value, const Value::Node& node, std::string_view what) {
  if (node.kind != Kind::scalar)
    value.fail("YAML-NUMBER", fmt::format("{} must be {}, found {}", name_of(node), what,
                                          node.kind == Kind::null ? "nothing" : "a list or a map"));
  if (node.quoted)
    value.fail("YAML-NUMBER", fmt::format("{} must be {}, but \"{}\" in quotes is text; write it without quotes",
                                          name_of(node), what, printable(node.text, 60)));
  if (node.text.empty() || decimal_prefix(node.text) != node.text.size())
    value.fail("YAML-NUMBER", fmt::format("{} must be {}, found '{}'; {}", name_of(node), what,
                                          printable(node.text, 60), number_hint(node.text)));
  return node.text;
}

double to_double(const Value& value, std::string_view text) {
  double number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc{} || !std::isfinite(number))
    value.fail("YAML-RANGE", fmt::format("'{}' does not fit a double-precision number", printable(text, 60)));
  return number;
}

// A unit as value * multiply / divide, so that 180 us is the double nearest to 0.00018.
struct Unit {
  std::string_view name;
  double multiply = 1, divide = 1;
};

constexpr Unit second_units[] = {{"ns", 1, 1e9}, {"us", 1, 1e6}, {"ms", 1, 1e3}, {"s", 1, 1}};
constexpr Unit byte_units[] = {{"B", 1, 1},      {"kB", 1e3, 1},      {"MB", 1e6, 1},        {"GB", 1e9, 1},
                               {"KiB", 1024, 1}, {"MiB", 1048576, 1}, {"GiB", 1073741824, 1}};
constexpr Unit rate_units[] = {{"kbit/s", 1e3, 8}, {"Mbit/s", 1e6, 8}, {"Gbit/s", 1e9, 8},
                               {"kB/s", 1e3, 1},   {"MB/s", 1e6, 1},   {"GB/s", 1e9, 1}};
constexpr Unit watt_units[] = {{"mW", 1, 1e3}, {"W", 1, 1}};
constexpr Unit joule_units[] = {{"nJ", 1, 1e9}, {"uJ", 1, 1e6}, {"mJ", 1, 1e3}, {"J", 1, 1}};

std::string unit_hint(std::string_view unit, std::span<const Unit> units) {
  std::vector<std::string> names;
  for (const Unit& known : units) names.emplace_back(known.name);
  const bool rate = names.front() == "kbit/s";
  if (rate && (unit.find("ps") != std::string_view::npos ||
               (unit.find('b') != std::string_view::npos && unit.find("bit") == std::string_view::npos)))
    return "; bits are written Mbit/s, bytes MB/s";
  for (const std::string& name : names)
    if (lower_case(name) == lower_case(unit)) return fmt::format(", did you mean '{}'?", name);
  return suggestion(unit, names);
}

double quantity(const Value& value, const Value::Node& node, std::span<const Unit> units, std::string_view usual) {
  if (node.kind != Kind::scalar)
    value.fail("YAML-UNIT", fmt::format("{} must be a number with a unit, such as '10 {}'", name_of(node), usual));
  const std::string_view text = node.text;
  const std::size_t end = decimal_prefix(text);
  const std::size_t unit_begin = std::min(text.find_first_not_of(' ', end), text.size());
  const std::string_view number = text.substr(0, end), unit = text.substr(unit_begin);
  const bool glued =
      unit_begin == end && !unit.empty() && !((unit[0] >= 'a' && unit[0] <= 'z') || (unit[0] >= 'A' && unit[0] <= 'Z'));
  if (end == 0 || glued || unit.starts_with('x') || unit.starts_with('X')) {
    const std::string_view word = text.substr(0, text.find(' '));
    value.fail("YAML-NUMBER", fmt::format("{} must be a number with a unit, such as '10 {}', found '{}'; {}",
                                          name_of(node), usual, printable(text, 60), number_hint(word)));
  }
  std::vector<std::string_view> names;
  for (const Unit& known : units) names.push_back(known.name);
  if (unit.empty())
    value.fail("YAML-UNIT", fmt::format("{} needs a unit ({}); is '{} {}' meant?", name_of(node),
                                        fmt::join(names, ", "), number, usual));
  const auto known = std::find_if(units.begin(), units.end(), [&](const Unit& one) { return one.name == unit; });
  if (known == units.end())
    value.fail("YAML-UNIT", fmt::format("unit '{}' is not known here{}", printable(unit, 40), unit_hint(unit, units)));
  const double result = to_double(value, number) * known->multiply / known->divide;
  if (!std::isfinite(result)) value.fail("YAML-RANGE", fmt::format("{} is too large", name_of(node)));
  if (std::signbit(result) && result != 0)
    value.fail("YAML-RANGE", fmt::format("{} must not be negative, found '{}'", name_of(node), printable(text, 60)));
  return std::abs(result);
}

}  // namespace

std::size_t decimal_prefix(std::string_view text) {
  std::size_t i = text.starts_with('-') ? 1 : 0;
  if (i >= text.size() || !digit(text[i])) return 0;
  i = text[i] == '0' ? i + 1 : digits_from(text, i);
  if (i + 1 < text.size() && text[i] == '.' && digit(text[i + 1])) i = digits_from(text, i + 1);
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    const std::size_t sign = i + 1 < text.size() && (text[i + 1] == '+' || text[i + 1] == '-') ? i + 2 : i + 1;
    if (sign < text.size() && digit(text[sign])) i = digits_from(text, sign);
  }
  return i;
}

bool reads_as_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (equals_ignoring_case(text, ".nan") || equals_ignoring_case(text, ".inf")) return true;
  if (text.starts_with("0x") || text.starts_with("0o"))
    return text.size() > 2 && text.find_first_not_of("0123456789abcdefABCDEF_", 2) == std::string_view::npos;
  const bool starts = !text.empty() && (digit(text[0]) || (text[0] == '.' && text.size() > 1 && digit(text[1])));
  if (!starts) return false;
  std::size_t i = text.find_first_not_of("0123456789_");
  if (i != std::string_view::npos && text[i] == '.') i = text.find_first_not_of("0123456789_", i + 1);
  if (i == std::string_view::npos) return true;
  if (text[i] != 'e' && text[i] != 'E') return false;
  ++i;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  return i < text.size() && digits_from(text, i) == text.size();
}

bool reads_as_boolean_or_null(std::string_view text) {
  return text.empty() || text == "~" || equals_ignoring_case(text, "true") || equals_ignoring_case(text, "false") ||
         equals_ignoring_case(text, "null");
}

std::int64_t Value::integer(std::int64_t lowest, std::int64_t highest) const {
  const std::string what = fmt::format("a whole number from {} to {}", lowest, highest);
  const std::string& text = plain_number_text(*this, *node_, what);
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec == std::errc{} && result.ptr != text.data() + text.size())
    fail("YAML-NUMBER", fmt::format("{} must be {}, found '{}'", name_of(*node_), what, printable(text, 60)));
  if (result.ec != std::errc{} || number < lowest || number > highest)
    fail("YAML-RANGE", fmt::format("{} must be {}, found '{}'", name_of(*node_), what, printable(text, 60)));
  return number;
}

double Value::number(double lowest, double highest) const {
  const double number = to_double(*this, plain_number_text(*this, *node_, "a number"));
  if (number < lowest || number > highest)
    fail("YAML-RANGE", fmt::format("{} must be from {} to {}, found '{}'", name_of(*node_), lowest, highest,
                                   printable(node_->text, 60)));
  return number;
}

double Value::seconds() const { return quantity(*this, *node_, second_units, "us"); }

std::uint64_t Value::bytes() const {
  const double bytes = quantity(*this, *node_, byte_units, "GiB");
  if (bytes > 9e18) fail("YAML-RANGE", fmt::format("{} is too large", name_of(*node_)));
  return static_cast<std::uint64_t>(std::llround(bytes));
}

double Value::bytes_per_second() const { return quantity(*this, *node_, rate_units, "Mbit/s"); }
double Value::watts() const { return quantity(*this, *node_, watt_units, "W"); }
double Value::joules() const { return quantity(*this, *node_, joule_units, "nJ"); }

}  // namespace dse::yaml
