// Results as data, printed as an aligned table for people, or as JSON or CSV in SI base units for programs.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dse/command.hpp"

namespace dse::report {

// What a column's numbers are. A table shows seconds as ms, bytes as MiB, joules as mJ (the unit stands in the header)
// and fractions as %; JSON and CSV keep s, bytes, J and plain fractions.
enum class Quantity { plain, seconds, bytes, joules, fraction };

// Empty: not known, or not measured ("-" in a table, null in JSON, nothing in CSV).
using Cell = std::variant<std::monostate, std::string, std::int64_t, double, bool>;

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

// A quantity with its unit, for sentences: "12.3 ms", "45.0 MiB", "3.21 mJ", "12 %".
std::string human(double value, Quantity quantity);

// Columns of a terminal that UTF-8 text takes: wide characters two, combining ones none.
std::size_t display_width(std::string_view text);

}  // namespace dse::report
