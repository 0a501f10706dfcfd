#include "dse/archive/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <tuple>

namespace dse::archive {
namespace {

using Mode = Archive::Mode;

[[noreturn]] void refuse(const fs::path& path, std::string_view code, const std::string& message) {
  throw Error(ExitCode::database, code, {path.string()}, message);
}

enum class Found { nothing, empty, archive };

// Looks at the first 100 bytes without SQLite: opening a foreign database would already replay its journal.
Found look_at(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return Found::nothing;
    throw Error(ExitCode::io, "DB-IO", {path.string()}, std::string("cannot be opened: ") + std::strerror(errno));
  }
  if (!S_ISREG(status.st_mode))
    refuse(path, "DB-FOREIGN", "is not a regular file; an archive is a file that dse explore --db makes");
  if (status.st_size == 0) return Found::empty;
  std::array<char, 100> header{};
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error(ExitCode::io, "DB-IO", {path.string()}, std::string("cannot be read: ") + std::strerror(errno));
  if (!file.read(header.data(), header.size()) || std::memcmp(header.data(), "SQLite format 3", 16) != 0)
    refuse(path, "DB-FOREIGN", "is no SQLite database; an archive is a file that dse explore --db makes");
  std::uint32_t found = 0;
  for (std::size_t i = 68; i < 72; ++i) found = found << 8 | static_cast<unsigned char>(header[i]);
  if (found != static_cast<std::uint32_t>(application_id))
    refuse(path, "DB-FOREIGN",
           fmt::format("belongs to another application (application_id {:#x}, an archive has {:#x})", found,
                       application_id));
  return Found::archive;
}

// What SQLite itself advises for files from strangers (sqlite.org/security.html), and no more than our own statements
// need.
void harden(SQLite::Database& db) {
  sqlite3* handle = db.getHandle();
  int ignored = 0;
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, &ignored);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &ignored);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, &ignored);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, &ignored);
  static constexpr std::pair<int, int> limits[] = {
      {SQLITE_LIMIT_LENGTH, 64 << 20},         {SQLITE_LIMIT_SQL_LENGTH, 1 << 20}, {SQLITE_LIMIT_COLUMN, 100},
      {SQLITE_LIMIT_EXPR_DEPTH, 100},          {SQLITE_LIMIT_ATTACHED, 0},         {SQLITE_LIMIT_COMPOUND_SELECT, 20},
      {SQLITE_LIMIT_VARIABLE_NUMBER, 100},     {SQLITE_LIMIT_TRIGGER_DEPTH, 1},    {SQLITE_LIMIT_FUNCTION_ARG, 16},
      {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100}, {SQLITE_LIMIT_WORKER_THREADS, 0}};
  for (const auto& [limit, value] : limits) sqlite3_limit(handle, limit, value);
  db.exec("PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=OFF");
}

int pragma_integer(SQLite::Database& db, const char* pragma) {
  return db.execAndGet(std::string("PRAGMA ") + pragma).getInt();
}

// One connection; the busy timeout is set before anything else, since every later statement may meet a lock.
SQLite::Database connect(const fs::path& path, Mode mode, int busy_milliseconds) {
  const int flags = mode == Mode::read_only
                        ? SQLite::OPEN_READONLY
                        : SQLite::OPEN_READWRITE | (mode == Mode::create_or_open ? SQLite::OPEN_CREATE : 0);
  SQLite::Database db(fs::absolute(path).string(), flags, busy_milliseconds);
  harden(db);
  return db;
}

// A WAL database in a folder that cannot be written has no shared memory to read through. Without a log beside it,
// nothing is missing.
std::optional<SQLite::Database> connect_immutable(const fs::path& path) {
  std::error_code error;
  const fs::path log = path.string() + "-wal";
  if (fs::exists(log, error) && fs::file_size(log, error) > 0) return std::nullopt;
  std::string uri = "file:";
  for (const char c : fs::absolute(path).string())
    uri += c == '?' || c == '#' || c == '%' ? fmt::format("%{:02x}", c) : std::string(1, c);
  SQLite::Database db(uri + "?immutable=1", SQLite::OPEN_READONLY | SQLite::OPEN_URI);
  harden(db);
  return db;
}

void run_steps(SQLite::Database& db, const std::vector<Migration>& steps, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) db.exec(std::string(steps[i].sql));
  db.exec(fmt::format("PRAGMA user_version={}", to));
}

// All steps that are missing, in one transaction: a file is at one version or at the other.
void migrate(SQLite::Database& db, const std::vector<Migration>& steps, bool create) {
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  const auto version =
      static_cast<std::size_t>(pragma_integer(db, "user_version"));  // another process may have been first
  if (version < steps.size()) {
    if (create && version == 0) db.exec(fmt::format("PRAGMA application_id={}", application_id));
    run_steps(db, steps, version, steps.size());
  }
  transaction.commit();
}

// WAL, so that readers and a writer do not wait for each other. Two processes that switch at the same moment may both
// be refused without SQLite's busy handler being asked. FULL: a checkpoint that was reported as saved survives a power
// cut; it costs one fsync, at most one a second. Where the file system cannot share memory the rollback journal stays,
// which is as safe.
void use_log(SQLite::Database& db, int busy_milliseconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(busy_milliseconds);
  while (true) {
    try {
      db.execAndGet("PRAGMA journal_mode=WAL");
      break;
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || std::chrono::steady_clock::now() > deadline) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  db.exec("PRAGMA synchronous=FULL");
}

using SchemaRow = std::tuple<std::string, std::string, std::string, std::string>;  // type, name, table, SQL

std::vector<SchemaRow> schema_of(SQLite::Database& db) {
  std::vector<SchemaRow> rows;
  // What ANALYZE leaves behind holds no rules.
  SQLite::Statement query(db,
                          "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE "
                          "'sqlite!_stat%' ESCAPE '!' "
                          "ORDER BY type, name");
  while (query.executeStep())
    rows.emplace_back(query.getColumn(0).getString(), query.getColumn(1).getString(), query.getColumn(2).getString(),
                      query.getColumn(3).getString());
  return rows;
}

// Byte for byte the schema that the steps make: no view in the place of a table, no trigger, no generated column.
void compare_schema(SQLite::Database& db, const fs::path& path, const std::vector<Migration>& steps,
                    std::size_t version) {
  SQLite::Database model(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  run_steps(model, steps, 0, version);
  const std::vector<SchemaRow> expected = schema_of(model);
  const std::vector<SchemaRow> found = schema_of(db);
  if (found == expected) return;
  for (const SchemaRow& row : found)
    if (std::find(expected.begin(), expected.end(), row) == expected.end())
      refuse(path, "DB-SCHEMA",
             fmt::format(
                 "its {} '{}' is not the one that dse makes; copy the data into a new archive, or drop it with sqlite3",
                 std::get<0>(row), std::get<1>(row)));
  refuse(path, "DB-SCHEMA", "lacks tables or views that dse makes");
}

void quick_check(SQLite::Database& db, const fs::path& path) {
  SQLite::Statement check(db, "PRAGMA quick_check(1)");
  std::string first = "nothing";
  if (check.executeStep()) first = check.getColumn(0).getString();
  if (first != "ok") refuse(path, "DB-DAMAGED", "is damaged: " + printable(first));
}

std::size_t checked_version(SQLite::Database& db, const fs::path& path, std::size_t newest) {
  const int version = pragma_integer(db, "user_version");
  if (version < 1) refuse(path, "DB-DAMAGED", "has no format version");
  if (static_cast<std::size_t>(version) > newest)
    refuse(path, "DB-NEWER",
           fmt::format(
               "has format {}, and this dse knows formats up to {}; open it with the dse that wrote it, or a newer one",
               version, newest));
  return static_cast<std::size_t>(version);
}

// The file's version, after everything about it has been checked in one snapshot.
std::size_t checked(SQLite::Database& db, const fs::path& path, const std::vector<Migration>& steps) {
  SQLite::Transaction snapshot(db);
  const std::size_t version = checked_version(db, path, steps.size());
  compare_schema(db, path, steps, version);
  quick_check(db, path);
  return version;
}

SQLite::Database open_checked(const fs::path& path, const OpenOptions& options) {
  const Found found = look_at(path);
  const std::vector<Migration>& steps = *options.steps;
  if (found == Found::nothing && options.mode != Mode::create_or_open)
    throw Error(ExitCode::bad_input, "DB-MISSING", {path.string()},
                "does not exist; dse explore --db makes an archive");
  if (found == Found::empty && options.mode != Mode::create_or_open)
    refuse(path, "DB-FOREIGN", "is empty; dse explore --db makes an archive");
  SQLite::Database db = connect(path, options.mode, options.busy_milliseconds);
  // A creation that was killed leaves a journal beside the file; opening it has just taken everything back.
  const bool taken_back = found == Found::archive && pragma_integer(db, "page_count") == 0;
  if (taken_back && options.mode != Mode::create_or_open)
    refuse(path, "DB-FOREIGN", "is empty; dse explore --db makes an archive");
  if (found != Found::archive || taken_back) migrate(db, steps, true);
  const std::size_t version = checked(db, path, steps);
  if (version < steps.size()) {
    if (options.mode == Mode::read_only) {
      SQLite::Database writable = connect(path, Mode::open, options.busy_milliseconds);
      migrate(writable, steps, false);
    } else {
      migrate(db, steps, false);
    }
  }
  if (options.mode != Mode::read_only) use_log(db, options.busy_milliseconds);
  return db;
}

}  // namespace

Error translated(const fs::path& path, const SQLite::Exception& error) {
  const Place place{path.string()};
  const std::string detail = printable(error.what());
  switch (error.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ExitCode::database, "DB-BUSY", place,
                   "is in use by another process; try again when that one has finished");
    case SQLITE_FULL:
      return Error(ExitCode::io, "DB-IO", place, "the disk is full; what was stored before is safe");
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Error(
          ExitCode::io, "DB-IO", place,
          fmt::format("cannot be read or written ({}); is the disk full, or the folder write-protected?", detail));
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_TOOBIG:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR:
      return Error(ExitCode::database, "DB-DAMAGED", place, fmt::format("is damaged: {}", detail));
    default:
      return Error(ExitCode::internal, "DB-INTERNAL", place, fmt::format("SQLite refused a statement: {}", detail));
  }
}

SQLite::Database open_database(const fs::path& path, const OpenOptions& options) {
  return guarded(path, [&] {
    try {
      return open_checked(path, options);
    } catch (const SQLite::Exception& error) {
      const bool no_shared_memory = error.getErrorCode() == SQLITE_CANTOPEN || error.getErrorCode() == SQLITE_READONLY;
      if (options.mode != Mode::read_only || !no_shared_memory) throw;
      std::optional<SQLite::Database> db = connect_immutable(path);
      if (!db) throw;
      const std::size_t version = checked(*db, path, *options.steps);
      if (version < options.steps->size())
        refuse(path, "DB-OLDER", "has an older format and lies where it cannot be brought up; copy it first");
      return std::move(*db);
    }
  });
}

}  // namespace dse::archive
