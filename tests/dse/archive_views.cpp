// `sqlite3 runs.db 'select * from front'` is a supported interface: names and order of columns, and what they hold.
#include <doctest/doctest.h>

#include "tests/dse/archive_samples.hpp"

using namespace dse;
using namespace dse::archive;

namespace {

struct Filled {
  TempDir folder{"dse-archive"};
  fs::path path = folder.path() / "runs.db";
  Filled() { samples::fill(path); }
};

std::string columns_of(SQLite::Database& db, const std::string& view) {
  SQLite::Statement query(db, "SELECT * FROM " + view + " LIMIT 0");
  std::string names;
  for (int i = 0; i < query.getColumnCount(); ++i) names += (i > 0 ? " " : "") + std::string(query.getColumnName(i));
  return names;
}

}  // namespace

TEST_CASE("the views have the documented columns, in this order") {
  Filled filled;
  SQLite::Database db = samples::plain(filled.path);
  const std::string front =
      "run_id candidate_id latency_s period_s energy_max_j energy_sum_j memory_max_bytes device_count feasible "
      "strategy";
  CHECK(columns_of(db, "front") == front);
  CHECK(columns_of(db, "candidate_summary") == front + " reason generation validated");
  CHECK(columns_of(db, "estimate_vs_measured") ==
        "run_id candidate_id validation_id device quantity estimated measured relative_error");
  CHECK(columns_of(db, "device_summary").starts_with("run_id candidate_id device used busy_s"));
  CHECK(columns_of(db, "run_summary").starts_with("run_id status started"));
}

TEST_CASE("front and candidate_summary hold the candidates") {
  Filled filled;
  SQLite::Database db = samples::plain(filled.path);
  CHECK(db.execAndGet("SELECT count(*) FROM front").getInt() == 3);
  SQLite::Statement row(db, "SELECT * FROM front WHERE candidate_id = 2");
  REQUIRE(row.executeStep());
  const Estimate estimate = samples::candidate(1).estimate;
  CHECK(row.getColumn("latency_s").getDouble() == estimate.latency_s);
  CHECK(row.getColumn("period_s").getDouble() == estimate.period_s);
  CHECK(row.getColumn("energy_max_j").getDouble() == estimate.energy_max_j);
  CHECK(row.getColumn("energy_sum_j").getDouble() == estimate.energy_sum_j);
  CHECK(row.getColumn("memory_max_bytes").isInteger());
  CHECK(row.getColumn("memory_max_bytes").getInt64() == 100000002);
  CHECK(row.getColumn("device_count").getInt() == 2);
  CHECK(row.getColumn("feasible").getInt() == 1);
  CHECK(row.getColumn("strategy").getString() == "sequential");
  CHECK(db.execAndGet(
              "SELECT group_concat(validated) FROM (SELECT validated FROM candidate_summary ORDER BY candidate_id)")
            .getString() == "1,0,0");
}

TEST_CASE("estimate_vs_measured has four quantities of the whole and three of each device") {
  Filled filled;
  SQLite::Database db = samples::plain(filled.path);
  const auto relative_error = [&](const std::string& where) {
    return db.execAndGet("SELECT relative_error FROM estimate_vs_measured WHERE " + where).getDouble();
  };
  CHECK(db.execAndGet("SELECT count(*) FROM estimate_vs_measured").getInt() == 4 + 2 * 3);
  CHECK(db.execAndGet("SELECT group_concat(quantity) FROM (SELECT quantity FROM estimate_vs_measured WHERE device IS "
                      "NULL ORDER BY quantity)")
            .getString() == "energy_max_j,latency_s,memory_max_bytes,period_s");
  CHECK(db.execAndGet("SELECT group_concat(quantity) FROM (SELECT quantity FROM estimate_vs_measured WHERE device = "
                      "'pi0' ORDER BY quantity)")
            .getString() == "busy_s,energy_j,memory_bytes");
  CHECK(relative_error("quantity = 'latency_s'") == doctest::Approx(0.1));
  CHECK(relative_error("quantity = 'period_s'") == doctest::Approx(-0.2));
  CHECK(relative_error("quantity = 'memory_max_bytes'") == doctest::Approx(0.25));
  CHECK(relative_error("quantity = 'busy_s' AND device = 'nano0'") == doctest::Approx(0.5));
  CHECK(relative_error("quantity = 'energy_j' AND device = 'nano0'") == doctest::Approx(0.25));
  // No sensor: the estimate is listed, without a measured figure and without an error.
  CHECK(db.execAndGet("SELECT count(*) FROM estimate_vs_measured WHERE measured IS NULL AND relative_error IS NULL")
            .getInt() == 2);
}

TEST_CASE("a run that failed says nothing about the estimates") {
  Filled filled;
  {
    Archive archive = Archive::open(filled.path, Archive::Mode::open);
    Validation failed = samples::validation();
    failed.ok = false;
    failed.failure = "device pi0 (rank 1): killed by signal 9";
    archive.add_validation(2, failed);
  }
  SQLite::Database db = samples::plain(filled.path);
  CHECK(db.execAndGet("SELECT count(*) FROM estimate_vs_measured WHERE candidate_id = 2").getInt() == 0);
}

TEST_CASE("device_summary names the devices, run_summary counts") {
  Filled filled;
  SQLite::Database db = samples::plain(filled.path);
  CHECK(db.execAndGet("SELECT group_concat(device) FROM (SELECT device FROM device_summary WHERE candidate_id = 3 "
                      "ORDER BY device)")
            .getString() == "nano0,pi0");
  SQLite::Statement row(db, "SELECT * FROM run_summary");
  REQUIRE(row.executeStep());
  CHECK(row.getColumn("candidates").getInt() == 3);
  CHECK(row.getColumn("front_size").getInt() == 3);
  CHECK(row.getColumn("validations").getInt() == 1);
  CHECK(row.getColumn("best_latency_s").getDouble() == samples::candidate(0).estimate.latency_s);
  CHECK(row.getColumn("evaluations_per_second").getDouble() == doctest::Approx(400));
  CHECK(row.getColumn("energy_assumed").getInt() == 1);
}
