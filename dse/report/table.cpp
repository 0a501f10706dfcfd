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

double shown_value(const Cell& cell, Quantity quantity) { return cell.number() * unit_of(quantity).factor; }

// All cells of a column get the same decimals, so that they line up: as many as its smallest number needs, up to two
// more than its largest one.
int column_decimals(const Table& table, std::size_t column) {
  double largest = 0;
  double smallest = HUGE_VAL;
  for (const auto& row : table.rows) {
    if (!row[column].is_number()) continue;
    const double value = std::abs(shown_value(row[column], table.columns[column].quantity));
    if (!std::isfinite(value) || value == 0) continue;
    largest = std::max(largest, value);
    smallest = std::min(smallest, value);
  }
  return std::min(decimals_for(std::isfinite(smallest) ? smallest : 0), decimals_for(largest) + 2);
}

std::string shown(const Cell& cell, Quantity quantity, int decimals) {
  switch (cell.kind()) {
    case Cell::Kind::empty:
      return "-";
    case Cell::Kind::text:
      return printable(cell.text(), 500);
    case Cell::Kind::truth:
      return cell.truth() ? "yes" : "no";
    case Cell::Kind::whole:
      if (quantity == Quantity::plain) return fmt::format("{}", cell.whole());
      break;
    case Cell::Kind::number:
      break;
  }
  const double value = shown_value(cell, quantity);
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, decimals) : "-";
}

std::string csv_field(const Cell& cell) {
  switch (cell.kind()) {
    case Cell::Kind::empty:
      return "";
    case Cell::Kind::truth:
      return cell.truth() ? "1" : "0";
    case Cell::Kind::whole:
      return fmt::format("{}", cell.whole());
    case Cell::Kind::number:
      return std::isfinite(cell.number()) ? fmt::format("{}", cell.number()) : "";
    case Cell::Kind::text:
      break;
  }
  const std::string& text = cell.text();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
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
    strip.right = strip.right || row[column].is_number();
  }
  for (const std::string& text : strip.texts) strip.width = std::max(strip.width, display_width(text));
  return strip;
}

}  // namespace

nlohmann::ordered_json to_json(const Cell& cell) {
  switch (cell.kind()) {
    case Cell::Kind::empty:
      return nullptr;
    case Cell::Kind::text:
      return cell.text();
    case Cell::Kind::truth:
      return cell.truth();
    case Cell::Kind::whole:
      return cell.whole();
    case Cell::Kind::number:
      break;
  }
  if (!std::isfinite(cell.number())) return nullptr;
  return cell.number();
}

nlohmann::ordered_json to_json(const std::vector<Column>& columns, const std::vector<Cell>& cells) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].data) object[columns[i].key] = to_json(cells[i]);
  return object;
}

nlohmann::ordered_json to_json(const Table& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& row : table.rows) rows.push_back(to_json(table.columns, row));
  return rows;
}

std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

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

void print_json(std::ostream& out, const Table& table) { out << json_text(to_json(table)); }

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
    console.out << json_text(to_json(columns, cells));
    return;
  }
  if (console.format == Format::csv) return print_csv(console.out, Table{columns, {cells}});
  std::size_t width = 0;
  for (const Column& column : columns) width = std::max(width, display_width(column.title));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool blank = cells[i].kind() == Cell::Kind::text && cells[i].text().empty();
    if (columns[i].title.empty() || blank) continue;
    const bool scaled = cells[i].is_number() && columns[i].quantity != Quantity::plain;
    const std::string value =
        scaled ? human(shown_value(cells[i], Quantity::plain), columns[i].quantity)
               : shown(cells[i], columns[i].quantity,
                       cells[i].is_number() ? decimals_for(shown_value(cells[i], Quantity::plain)) : 0);
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
