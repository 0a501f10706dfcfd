// front, show, compare and export on an archive with known contents.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program.hpp"
#include "tests/dse/archive_samples.hpp"

using namespace dse;
using cli_test::run;
using nlohmann::json;

namespace {

struct Filled {
  TempDir folder{"dse-cli"};
  std::string db = (folder.path() / "runs.db").string();
  Filled() { archive::samples::fill(db); }
};

}  // namespace

TEST_CASE("front lists the candidates, sorted, with the knee marked") {
  Filled filled;
  const ProcessResult table = run({"front", filled.db});
  CHECK(table.exit_code == 0);
  CHECK(table.errors.empty());
  for (const char* text :
       {"latency ms", "energy-max (assumed) mJ", "memory-max MiB", "sequential", "knee", "validated"})
    CHECK(table.output.find(text) != std::string::npos);
  const json rows = json::parse(run({"front", filled.db, "--sort", "energy-max", "--format", "json"}).output);
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]["candidate_id"] == 3);
  CHECK(rows[2]["candidate_id"] == 1);
  CHECK(rows[0]["latency_s"] == archive::samples::candidate(2).estimate.latency_s);
  CHECK(rows[0]["memory_max_bytes"] == 100000003);
  CHECK(rows[0]["energy_assumed"] == true);
  CHECK(rows[2]["validated"] == true);
  int knees = 0;
  for (const json& row : rows) knees += row["knee"] == true ? 1 : 0;
  CHECK(knees == 1);
  const std::string csv = run({"front", filled.db, "--format", "csv"}).output;
  CHECK(
      csv.starts_with("run_id,candidate_id,latency_s,period_s,energy_max_j,energy_sum_j,memory_max_bytes,device_count,"
                      "feasible,strategy"));
  CHECK(run({"front", filled.db, "--run", "2"}).exit_code == 2);
  CHECK(run({"front", filled.db, "--run", "2"}).errors.find("it holds 1") != std::string::npos);
}

TEST_CASE("show gives the mapping, the devices and the validations of a candidate") {
  Filled filled;
  const ProcessResult text = run({"show", filled.db, "1"});
  CHECK(text.exit_code == 0);
  for (const char* part : {"candidate 1 of run 1: sequential, on the front", "conv1 .. pool0", "fc, prob", "nano0",
                           "pi0", "device nano0", "outputs right", "latency_s"})
    CHECK(text.output.find(part) != std::string::npos);
  const json value = json::parse(run({"show", filled.db, "1", "--format", "json"}).output);
  CHECK(value["candidate_id"] == 1);
  CHECK(value["mapping"]["replicas"][0]["stages"][1]["threads"] == 2);
  CHECK(value["devices"][1]["device"] == "pi0");
  CHECK(value["devices"][0]["busy_s"] == 0.1);
  CHECK(value["validations"][0]["ok"] == true);
  CHECK(value["validations"][0]["steps"].size() == 2);
  const std::string knee = run({"show", filled.db, "knee", "--format", "json"}).output;
  CHECK(json::parse(knee)["candidate_id"].is_number_integer());
  for (const char* bad : {"4", "0", "-1", "best", "1.5"}) {
    const ProcessResult refused = run({"show", filled.db, "--", bad});
    CHECK(refused.exit_code == 2);
    CHECK(refused.errors.find("on the front of run 1 are 1, 2, 3") != std::string::npos);
  }
}

TEST_CASE("compare puts two candidates side by side") {
  Filled filled;
  const ProcessResult text = run({"compare", filled.db, "1", "3"});
  CHECK(text.exit_code == 0);
  for (const char* part : {"candidate 1", "candidate 3", "conv1 .. pool0", "conv1 .. pool2", "latency_s"})
    CHECK(text.output.find(part) != std::string::npos);
  const json rows = json::parse(run({"compare", filled.db, "1", "3", "--format", "json"}).output);
  CHECK(rows[0]["quantity"] == "latency_s");
  CHECK(rows[0]["a"] == 0.010);
  CHECK(rows[0]["change"].get<double>() == doctest::Approx(0.2));
  CHECK(rows[0]["told_apart"].is_boolean());
}

TEST_CASE("export writes every candidate, to standard output or to a file") {
  Filled filled;
  const std::string csv = run({"export", filled.db}).output;
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 4);
  CHECK(csv.find("\"{\"\"dse\"\":\"\"mapping/1\"\"") != std::string::npos);
  const std::string output = (filled.folder.path() / "out.json").string();
  const ProcessResult written = run({"export", filled.db, "--format", "json", "-o", output});
  CHECK(written.exit_code == 0);
  CHECK(written.output.empty());
  const json document = json::parse(read_text(output, 1 << 20));
  CHECK(document["runs"][0]["seed"] == 0xffff'ffff'ffff'fff1u);
  CHECK(document["runs"][0]["candidates"].size() == 3);
  CHECK(document["runs"][0]["candidates"][0]["validations"].size() == 1);
  CHECK(run({"export", filled.db, "-o", filled.db}).exit_code == 2);
  CHECK(run({"export", filled.db, "-o", "/nonexistent/folder/x"}).exit_code == 5);
  CHECK(run({"export", filled.db, "--format", "perfeto"}).exit_code == 2);
  CHECK(run({"front", filled.db}).exit_code == 0);
}

TEST_CASE("a stored mapping that is none, or nests without end, is damage and not a crash") {
  for (const std::string& mapping :
       {std::string("{}"), std::string("no json"),
        std::string(R"({"replicas":[{"stages":[{"layers":3,"devices":["a"]}]}]})"), std::string(100000, '[')}) {
    Filled filled;
    {
      SQLite::Database db = archive::samples::plain(filled.db);
      SQLite::Statement update(db, "UPDATE candidates SET mapping_json = ? WHERE candidate_id = 1");
      update.bind(1, mapping);
      update.exec();
    }
    const ProcessResult result = run({"show", filled.db, "1"});
    CHECK(result.exit_code == 6);
    CHECK(result.errors.find("error[DB-DAMAGED]") != std::string::npos);
    CHECK(run({"export", filled.db, "--format", "json"}).signal == 0);
  }
}
