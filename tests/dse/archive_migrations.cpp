// Bringing an old file up: with a list of steps of the test's own, since the archive itself is at its first version.
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "dse/archive/database.hpp"

using namespace dse;
using namespace dse::archive;

namespace {

using Mode = Archive::Mode;

const std::vector<Migration> one = {{"CREATE TABLE t(x INTEGER) STRICT; CREATE VIEW v AS SELECT x FROM t"}};
const std::vector<Migration> three = {one[0],
                                      {"DROP VIEW v; ALTER TABLE t ADD COLUMN y INTEGER NOT NULL DEFAULT 7"},
                                      {"CREATE VIEW v AS SELECT x + y AS sum FROM t"}};
const std::vector<Migration> broken = {one[0],
                                       {"DROP VIEW v; ALTER TABLE t ADD COLUMN y INTEGER; CREATE TABLE t(again)"}};

OpenOptions with(Mode mode, const std::vector<Migration>& steps) {
  OpenOptions options;
  options.mode = mode;
  options.steps = &steps;
  return options;
}

struct OldFile {
  TempDir folder{"dse-archive"};
  fs::path path = folder.path() / "old.db";
  OldFile() { open_database(path, with(Mode::create_or_open, one)).exec("INSERT INTO t VALUES (35)"); }
  int version() const { return SQLite::Database(path.string()).execAndGet("PRAGMA user_version").getInt(); }
};

}  // namespace

TEST_CASE("an old file is brought up by the steps that it lacks, and keeps its rows") {
  for (const Mode mode : {Mode::open, Mode::create_or_open, Mode::read_only}) {
    OldFile old;
    CHECK(old.version() == 1);
    {
      SQLite::Database db = open_database(old.path, with(mode, three));
      CHECK(db.execAndGet("SELECT x + y FROM t").getInt() == 42);
    }
    CHECK(old.version() == 3);
    // The second time there is nothing to do, and the schema is the one that all steps make.
    open_database(old.path, with(Mode::read_only, three));
  }
}

TEST_CASE("a new file takes all steps at once") {
  const TempDir folder("dse-archive");
  SQLite::Database db = open_database(folder.path() / "new.db", with(Mode::create_or_open, three));
  CHECK(db.execAndGet("PRAGMA user_version").getInt() == 3);
  CHECK(db.execAndGet("PRAGMA application_id").getInt() == application_id);
  CHECK(db.execAndGet("PRAGMA journal_mode").getString() == "wal");
  CHECK(db.execAndGet("PRAGMA synchronous").getInt() == 2);
  CHECK(db.execAndGet("PRAGMA foreign_keys").getInt() == 1);
}

TEST_CASE("a step that fails leaves the file at its old version, usable by the old program") {
  OldFile old;
  CHECK_THROWS_AS(open_database(old.path, with(Mode::open, broken)), Error);
  CHECK(old.version() == 1);
  CHECK(open_database(old.path, with(Mode::open, one)).execAndGet("SELECT x FROM t").getInt() == 35);
}

TEST_CASE("an old program refuses a new file") {
  OldFile old;
  open_database(old.path, with(Mode::open, three));
  try {
    open_database(old.path, with(Mode::open, one));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == "DB-NEWER");
    CHECK(error.exit() == ExitCode::database);
  }
}

TEST_CASE("an old file that was tampered with is refused before it is brought up") {
  OldFile old;
  SQLite::Database(old.path.string(), SQLite::OPEN_READWRITE)
      .exec("CREATE TRIGGER evil AFTER INSERT ON t BEGIN DELETE FROM t; END");
  CHECK_THROWS_AS(open_database(old.path, with(Mode::open, three)), Error);
  CHECK(old.version() == 1);
}
