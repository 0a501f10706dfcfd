#include "dse/report/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace dse::report {
namespace {

struct Unit {
  std::string_view name;
  double factor;  // SI value × factor = shown value
};

Unit unit_of(Quantity quantity) {
  switch (quantity) {
    case Quantity::seconds:
      return {"ms", 1e3};
    case Quantity::bytes:
      return {"MiB", 1.0 / (1 << 20)};
    case Quantity::joules:
      return {"mJ", 1e3};
    case Quantity::fraction:
      return {"%", 1e2};
    case Quantity::plain:
      break;
  }
  return {"", 1};
}

// Decimals that leave about four digits of a value of this size.
int decimals_for(double largest) {
  const double size = std::abs(largest);
  return size >= 1000             ? 0
         : size >= 100            ? 1
         : size >= 10             ? 2
         : size >= 1 || size == 0 ? 3
                                  : std::min(9, 3 - static_cast<int>(std::floor(std::log10(size))));
}

bool is_number(const Cell& cell) {
  return std::holds_alternative<double>(cell) || std::holds_alternative<std::int64_t>(cell);
}

double shown_value(const Cell& cell, Quantity quantity) {
  const double value =
      std::holds_alternative<double>(cell) ? std::get<double>(cell) : static_cast<double>(std::get<std::int64_t>(cell));
  return value * unit_of(quantity).factor;
}

// The largest finite number of a column, as shown: all its cells get the same decimals, so that they line up.
int column_decimals(const Table& table, std::size_t column) {
  double largest = 0;
  for (const auto& row : table.rows) {
    if (!is_number(row[column])) continue;
    const double value = std::abs(shown_value(row[column], table.columns[column].quantity));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return decimals_for(largest);
}

std::string shown(const Cell& cell, Quantity quantity, int decimals) {
  if (std::holds_alternative<std::monostate>(cell)) return "-";
  if (const auto* text = std::get_if<std::string>(&cell)) return printable(*text, 500);
  if (const auto* truth = std::get_if<bool>(&cell)) return *truth ? "yes" : "no";
  if (const auto* whole = std::get_if<std::int64_t>(&cell); whole != nullptr && quantity == Quantity::plain)
    return fmt::format("{}", *whole);
  const double value = shown_value(cell, quantity);
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "-";
}

nlohmann::ordered_json to_json(const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return nullptr;
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  if (const auto* truth = std::get_if<bool>(&cell)) return *truth;
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return *whole;
  const double value = std::get<double>(cell);
  if (!std::isfinite(value)) return nullptr;
  return value;
}

std::string csv_field(const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return "";
  if (const auto* truth = std::get_if<bool>(&cell)) return *truth ? "1" : "0";
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return fmt::format("{}", *whole);
  if (const auto* number = std::get_if<double>(&cell)) return std::isfinite(*number) ? fmt::format("{}", *number) : "";
  const std::string& text = std::get<std::string>(cell);
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

// Invalid UTF-8 from an untrusted file becomes U+FFFD instead of an exception.
std::string dump(const nlohmann::ordered_json& value) {
  return value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

nlohmann::ordered_json json_row(const std::vector<Column>& columns, const std::vector<Cell>& cells) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].data) object[columns[i].key] = to_json(cells[i]);
  return object;
}

std::string titled(const Column& column) {
  const std::string_view unit = unit_of(column.quantity).name;
  return unit.empty() ? column.title : fmt::format("{} {}", column.title, unit);
}

// One printed column: its texts, header first, and whether they are set to the right.
struct Strip {
  std::vector<std::string> texts;
  bool right = false;
  std::size_t width = 0;
};

Strip strip_of(const Table& table, std::size_t column) {
  Strip strip;
  strip.texts.push_back(titled(table.columns[column]));
  const int decimals = column_decimals(table, column);
  for (const auto& row : table.rows) {
    strip.texts.push_back(shown(row[column], table.columns[column].quantity, decimals));
    strip.right = strip.right || is_number(row[column]);
  }
  for (const std::string& text : strip.texts) strip.width = std::max(strip.width, display_width(text));
  return strip;
}

}  // namespace

void print_table(std::ostream& out, const Table& table) {
  std::vector<Strip> strips;
  for (std::size_t column = 0; column < table.columns.size(); ++column)
    if (!table.columns[column].title.empty()) strips.push_back(strip_of(table, column));
  for (std::size_t line = 0; line <= table.rows.size(); ++line) {
    std::string text;
    for (const Strip& strip : strips) {
      const std::string padding(strip.width - display_width(strip.texts[line]), ' ');
      text += strip.right ? padding + strip.texts[line] : strip.texts[line] + padding;
      text += "  ";
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  }
}

void print_json(std::ostream& out, const Table& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& row : table.rows) rows.push_back(json_row(table.columns, row));
  out << dump(rows) << '\n';
}

void print_csv(std::ostream& out, const Table& table) {
  const auto line = [&](const auto& field_of) {
    std::string text;
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      if (table.columns[i].data) text += (text.empty() ? "" : ",") + field_of(i);
    out << text << "\r\n";
  };
  line([&](std::size_t i) { return csv_field(table.columns[i].key); });
  for (const auto& row : table.rows) line([&](std::size_t i) { return csv_field(row[i]); });
}

void print(const Console& console, const Table& table) {
  if (console.format == Format::json) return print_json(console.out, table);
  if (console.format == Format::csv) return print_csv(console.out, table);
  print_table(console.out, table);
}

void print_record(const Console& console, const std::vector<Column>& columns, const std::vector<Cell>& cells) {
  if (console.format == Format::json) {
    console.out << dump(json_row(columns, cells)) << '\n';
    return;
  }
  if (console.format == Format::csv) return print_csv(console.out, Table{columns, {cells}});
  std::size_t width = 0;
  for (const Column& column : columns) width = std::max(width, display_width(column.title));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].title.empty()) continue;
    const bool scaled = is_number(cells[i]) && columns[i].quantity != Quantity::plain;
    const std::string value =
        scaled ? human(shown_value(cells[i], Quantity::plain), columns[i].quantity)
               : shown(cells[i], columns[i].quantity,
                       is_number(cells[i]) ? decimals_for(shown_value(cells[i], Quantity::plain)) : 0);
    console.out << columns[i].title << std::string(width - display_width(columns[i].title) + 2, ' ') << value << '\n';
  }
}

std::string human(double value, Quantity quantity) {
  const Unit unit = unit_of(quantity);
  if (!std::isfinite(value)) return "-";
  const std::string number = fmt::format("{:.{}f}", value * unit.factor, decimals_for(value * unit.factor));
  return unit.name.empty() ? number : fmt::format("{} {}", number, unit.name);
}

}  // namespace dse::report
