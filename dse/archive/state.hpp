// The open archive: its connection, and the columns that are read and written the same way everywhere.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "dse/archive/archive.hpp"
#include "dse/archive/database.hpp"

namespace dse::archive {

struct Archive::State {
  fs::path path;
  // Reading prepares statements, which changes nothing that a caller can see.
  mutable SQLite::Database db;

  State(fs::path where, SQLite::Database connection) : path(std::move(where)), db(std::move(connection)) {}
};

// A figure that is no number is stored as NULL, and NULL is read as "no number".
inline void bind_figure(SQLite::Statement& statement, int index, double value) {
  if (std::isnan(value))
    statement.bind(index);
  else
    statement.bind(index, value);
}
inline void bind_figure(SQLite::Statement& statement, int index, const std::optional<double>& value) {
  bind_figure(statement, index, value.value_or(std::numeric_limits<double>::quiet_NaN()));
}
inline double figure(const SQLite::Column& column) {
  return column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}
inline std::optional<double> optional_figure(const SQLite::Column& column) {
  if (column.isNull()) return std::nullopt;
  return column.getDouble();
}

}  // namespace dse::archive
