// Results as data, printed as an aligned table for people, or as JSON or CSV in SI base units for programs.
#pragma once

#include <concepts>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "dse/command.hpp"

namespace dse::report {

// What a column's numbers are. A table shows seconds as ms, bytes as MiB, joules as mJ (the unit stands in the header)
// and fractions as %; JSON and CSV keep s, bytes, J and plain fractions.
enum class Quantity { plain, seconds, bytes, joules, fraction };

// One value of any kind. Empty: not known, or not measured ("-" in a table, null in JSON, nothing in CSV).
class Cell {
 public:
  enum class Kind { empty, text, whole, number, truth };

  Cell() = default;
  Cell(std::string text) : kind_(Kind::text), text_(std::move(text)) {}
  Cell(std::string_view text) : Cell(std::string(text)) {}
  Cell(const char* text) : Cell(std::string(text)) {}
  Cell(bool truth) : kind_(Kind::truth), whole_(truth ? 1 : 0) {}
  Cell(double number) : kind_(Kind::number), number_(number) {}
  Cell(std::optional<double> number) : kind_(number ? Kind::number : Kind::empty), number_(number.value_or(0)) {}
  template <std::integral Whole>
  Cell(Whole whole) : kind_(Kind::whole), whole_(static_cast<std::int64_t>(whole)) {}

  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  std::int64_t whole() const { return whole_; }
  bool truth() const { return whole_ != 0; }
  bool is_number() const { return kind_ == Kind::whole || kind_ == Kind::number; }
  double number() const { return kind_ == Kind::whole ? static_cast<double>(whole_) : number_; }

 private:
  Kind kind_ = Kind::empty;
  std::string text_;
  std::int64_t whole_ = 0;
  double number_ = 0;
};

struct Column {
  std::string key;    // JSON and CSV: "latency_s"
  std::string title;  // table: "latency"; empty: only in JSON and CSV
  Quantity quantity = Quantity::plain;
  bool data = true;  // false: only in the table
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // as many cells a row as there are columns
};

// One result: the table, or an array of objects (JSON), or a header and rows (CSV).
void print(const Console& console, const Table& table);
void print_table(std::ostream& out, const Table& table);
void print_json(std::ostream& out, const Table& table);
// RFC 4180: CRLF, fields quoted where they hold a comma, a quote or a line break.
void print_csv(std::ostream& out, const Table& table);

// One object of several values: in a table one line each, "key: value unit".
void print_record(const Console& console, const std::vector<Column>& columns, const std::vector<Cell>& cells);

// The same as values, for commands whose JSON has more than one table. Figures that are no numbers become null.
nlohmann::ordered_json to_json(const Cell& cell);
nlohmann::ordered_json to_json(const std::vector<Column>& columns, const std::vector<Cell>& cells);
nlohmann::ordered_json to_json(const Table& table);
// Two spaces a level, one newline at the end; invalid UTF-8 (from an untrusted file) is replaced.
std::string json_text(const nlohmann::ordered_json& value);

// A quantity with its unit, for sentences: "12.3 ms", "45.0 MiB", "3.21 mJ", "12 %".
std::string human(double value, Quantity quantity);

// Columns of a terminal that UTF-8 text takes: wide characters two, combining ones none.
std::size_t display_width(std::string_view text);

}  // namespace dse::report
