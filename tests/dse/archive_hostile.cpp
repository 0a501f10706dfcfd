// Files that are no archive, damaged ones, and archives that someone has prepared: a clear refusal, never a crash, and
// nothing changed.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <random>

#include "base/error.hpp"
#include "dse/archive/database.hpp"
#include "tests/dse/archive_samples.hpp"

using namespace dse;
using namespace dse::archive;

namespace {

using Mode = Archive::Mode;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// The code of the refusal, "" where the file is accepted.
std::string refusal(const fs::path& path, Mode mode = Mode::read_only) {
  try {
    Archive::open(path, mode);
    return "";
  } catch (const Error& error) {
    CHECK((error.exit() == ExitCode::database || error.code() == "DB-MISSING" || error.code() == "DB-IO"));
    CHECK(std::string(error.what()).starts_with(path.string() + ": error["));
    return error.code();
  }
}

struct Filled {
  TempDir folder{"dse-archive"};
  fs::path path = folder.path() / "runs.db";
  Filled() { samples::fill(path); }
  // Runs SQL on the file as a stranger would, without any of our restrictions.
  void alter(const std::string& sql) { samples::plain(path).exec(sql); }
};

// Reads everything that a command could read.
void read_everything(const fs::path& path) {
  const Archive archive = Archive::open(path, Mode::read_only);
  for (const Run& run : archive.runs()) {
    archive.device_names(run.id);
    archive.front(run.id);
    archive.knee(run.id, {Objective::latency, Objective::energy_max});
    for (const Candidate& candidate : archive.candidates(run.id)) archive.validations(candidate.id);
  }
}

}  // namespace

TEST_CASE("what is no archive is refused, and left as it is") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "x";
  CHECK(refusal(path) == "DB-MISSING");
  CHECK(refusal(path, Mode::open) == "DB-MISSING");
  CHECK_FALSE(fs::exists(path));
  CHECK(refusal(folder.path()) == "DB-FOREIGN");
  CHECK(refusal("/dev/zero") == "DB-FOREIGN");
  std::vector<std::string> foreign{"hello\n", "SQLite format 3", "<html>"};
  foreign.emplace_back(5000, 'x');
  foreign[2].append(200, '\0');
  for (const std::string& text : foreign) {
    put(path, text);
    for (const Mode mode : {Mode::read_only, Mode::open, Mode::create_or_open})
      CHECK(refusal(path, mode) == "DB-FOREIGN");
    CHECK(bytes_of(path) == text);
  }
  fs::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(refusal(path) == "DB-FOREIGN");
}

TEST_CASE("an empty file is one to be filled, not one to be read") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "empty.db";
  put(path, "");
  CHECK(refusal(path) == "DB-FOREIGN");
  CHECK(refusal(path, Mode::open) == "DB-FOREIGN");
  samples::fill(path);
  CHECK(Archive::open(path, Mode::read_only).front(1).size() == 3);
}

TEST_CASE("another application's database is refused before SQLite touches it") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "other.db";
  for (const std::string id : {"", "PRAGMA application_id=1234;"}) {
    fs::remove(path);
    SQLite::Database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
        .exec(id + "CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    const std::string before = bytes_of(path);
    for (const Mode mode : {Mode::read_only, Mode::open, Mode::create_or_open})
      CHECK(refusal(path, mode) == "DB-FOREIGN");
    CHECK(bytes_of(path) == before);
  }
}

TEST_CASE("a newer format is refused, and so is one without a version") {
  Filled filled;
  filled.alter("PRAGMA user_version=2");
  CHECK(refusal(filled.path) == "DB-NEWER");
  CHECK(refusal(filled.path, Mode::create_or_open) == "DB-NEWER");
  filled.alter("PRAGMA user_version=0");
  CHECK(refusal(filled.path, Mode::open) == "DB-DAMAGED");
}

TEST_CASE("any object that dse did not make is refused") {
  const std::string attacks[] = {
      "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM candidates; END",
      "CREATE VIEW extra AS SELECT zeroblob(2000000000)",
      "DROP VIEW front; CREATE VIEW front AS SELECT zeroblob(2000000000) AS run_id",
      "ALTER TABLE runs RENAME TO real_runs; CREATE VIEW runs AS SELECT * FROM real_runs",
      "PRAGMA foreign_keys=OFF; DROP VIEW run_summary; DROP TABLE checkpoints; CREATE VIEW checkpoints AS SELECT 1 AS "
      "run_id, zeroblob(2000000000) AS state",
      "ALTER TABLE runs ADD COLUMN more TEXT GENERATED ALWAYS AS (upper(argv)) VIRTUAL",
      "CREATE INDEX odd ON candidates(abs(latency_s))",
      "DROP INDEX candidates_by_mapping",
      "CREATE TABLE mine(x)",
  };
  for (const std::string& attack : attacks) {
    CAPTURE(attack);
    Filled filled;
    filled.alter(attack);
    CHECK(refusal(filled.path) == "DB-SCHEMA");
    CHECK(refusal(filled.path, Mode::create_or_open) == "DB-SCHEMA");
  }
}

TEST_CASE("what ANALYZE leaves behind is no attack") {
  Filled filled;
  filled.alter("ANALYZE");
  CHECK(refusal(filled.path) == "");
}

TEST_CASE("a schema text changed byte by byte, behind SQLite's back, is refused") {
  Filled filled;
  filled.alter(
      "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, 'latency_s REAL', 'latency_s BLOB') "
      "WHERE name = 'candidates'");
  CHECK((refusal(filled.path) == "DB-SCHEMA" || refusal(filled.path) == "DB-DAMAGED"));
}

TEST_CASE("rows that no dse writes are refused when they are read") {
  Filled filled;
  filled.alter("INSERT INTO candidate_devices SELECT 1, 4000000000, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0");
  CHECK_THROWS_AS(read_everything(filled.path), Error);
  Filled gap;
  gap.alter("DELETE FROM run_devices WHERE device = 0");
  CHECK_THROWS_AS(read_everything(gap.path), Error);
}

TEST_CASE("values over the length limit are refused instead of read into memory") {
  Filled filled;
  filled.alter("UPDATE candidates SET mapping_json = hex(zeroblob(40000000)) WHERE candidate_id = 1");
  bool refused = false;
  try {
    read_everything(filled.path);
  } catch (const Error& error) {
    refused = error.exit() == ExitCode::database;
  }
  CHECK(refused);
}

TEST_CASE("a truncated archive is refused or whole, whatever is missing") {
  Filled filled;
  const std::string whole = bytes_of(filled.path);
  const fs::path cut = filled.folder.path() / "cut.db";
  int refused = 0;
  for (std::size_t keep = 1; keep < whole.size(); keep += keep < 4096 ? 97 : 1021) {
    CAPTURE(keep);
    put(cut, whole.substr(0, keep));
    const std::string code = refusal(cut);
    CHECK(code != "");
    refused += code.empty() ? 0 : 1;
  }
  CHECK(refused > 50);
}

TEST_CASE("flipped bits: refused, or still readable; never a crash") {
  Filled filled;
  const std::string whole = bytes_of(filled.path);
  const fs::path bad = filled.folder.path() / "bad.db";
  std::mt19937_64 random(7);
  int refused = 0;
  for (int round = 0; round < 500; ++round) {
    std::string bytes = whole;
    const int flips = 1 + static_cast<int>(random() % 8);
    for (int i = 0; i < flips; ++i) {
      // Half of them in the pages that hold the header and the schema, where they do most.
      const std::size_t place = random() % (round % 2 == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 20000));
      bytes[place] = static_cast<char>(bytes[place] ^ (1 << random() % 8));
    }
    put(bad, bytes);
    try {
      read_everything(bad);
    } catch (const Error& error) {
      ++refused;
      CHECK((error.exit() == ExitCode::database || error.exit() == ExitCode::io));
    }
    for (const char* rest : {"-wal", "-shm", "-journal"}) fs::remove(bad.string() + rest);
  }
  CHECK(refused > 100);
}
