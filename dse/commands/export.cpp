// dse export: what the archive holds, for other programs.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.hpp"
#include "dse/commands/archive_report.hpp"
#include "dse/commands/candidate_id.hpp"
#include "dse/commands/commands.hpp"

namespace dse {
namespace {

using nlohmann::ordered_json;

std::vector<archive::Run> chosen_runs(const archive::Archive& archive, std::optional<std::int64_t> asked) {
  if (!asked) return archive.runs();
  return {*archive.run(resolve_run(archive, asked))};
}

// Every candidate, a row each: the columns of candidate_table, then the mapping.
std::string as_csv(const archive::Archive& archive, const std::vector<archive::Run>& runs) {
  std::vector<archive::Candidate> all;
  for (const archive::Run& run : runs) {
    std::vector<archive::Candidate> some = archive.candidates(run.id);
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  report::Table table = candidate_table(all, std::nullopt);
  for (report::Column& column : table.columns)
    if (column.key == "knee") column.data = false;  // only the front has one
  table.columns.push_back({"mapping", ""});
  for (std::size_t i = 0; i < all.size(); ++i) table.rows[i].push_back(all[i].mapping_json);
  std::ostringstream text;
  report::print_csv(text, table);
  return text.str();
}

ordered_json run_json(const archive::Archive& archive, const archive::Run& run) {
  const std::vector<std::string> names = archive.device_names(run.id);
  ordered_json object = {
      {"run_id", run.id},
      {"status", run.status},
      {"started", run.started},
      {"model", {{"path", run.info.model_path}, {"name", run.info.model_name}, {"sha256", run.info.model_sha256}}},
      {"platform",
       {{"path", run.info.platform_path}, {"sha256", run.info.platform_sha256}, {"text", run.info.platform_text}}},
      {"devices", names},
      {"options", stored_json(run.info.options_json)},
      {"argv", run.info.argv},
      {"seed", run.info.seed},
      {"versions", stored_json(run.info.versions_json)},
      {"host", stored_json(run.info.host_json)},
      {"generation", run.generation},
      {"evaluations", run.evaluations},
      {"seconds", run.seconds},
      {"summary", stored_json(run.summary_json)},
      {"candidates", ordered_json::array()}};
  for (const archive::Candidate& candidate : archive.candidates(run.id))
    object["candidates"].push_back(candidate_json(candidate, names, archive.validations(candidate.id)));
  return object;
}

std::string as_json(const archive::Archive& archive, const std::vector<archive::Run>& runs) {
  ordered_json document = {{"dse", "export/1"}, {"runs", ordered_json::array()}};
  for (const archive::Run& run : runs) document["runs"].push_back(run_json(archive, run));
  return report::json_text(document);
}

int run_export(const Arguments& arguments, Console& console) {
  const std::optional<std::int64_t> run_wanted = run_asked(arguments);
  const fs::path database = arguments.text("DB");
  const archive::Archive archive = archive::Archive::open(database, archive::Archive::Mode::read_only);
  const std::vector<archive::Run> runs = chosen_runs(archive, run_wanted);
  const std::string text = console.format == Format::json ? as_json(archive, runs) : as_csv(archive, runs);
  if (!arguments.has("--output")) {
    console.out << text;
    return 0;
  }
  const fs::path output = arguments.text("--output");
  std::error_code no_such_file;
  if (fs::equivalent(output, database, no_such_file))
    throw Error(ExitCode::usage, "USAGE", "'--output' is the archive itself");
  write_file(output, text);
  console.note(fmt::format("{} bytes written to {}", text.size(), printable(output.string())));
  return 0;
}

}  // namespace

Command export_command() {
  return {{"export"},
          "write all candidates of an archive as CSV or JSON",
          {{"DB", "the archive that dse explore wrote"}},
          {{"--run", "R", "only this run, by its id; without it all of them", false, false, "", {}},
           {"--format",
            "FORMAT",
            "csv: a row a candidate; json: everything that is stored",
            false,
            false,
            "csv",
            {"csv", "json"}},
           {"-o,--output", "FILE", "where to; without it standard output", false, false, "", {}}},
          run_export};
}

}  // namespace dse
