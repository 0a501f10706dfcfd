// dse model make: a network of the built-in zoo as an ONNX file.
#include <fmt/format.h>

#include <limits>

#include "base/error.hpp"
#include "dse/commands/commands.hpp"
#include "dse/report/table.hpp"
#include "models/zoo.hpp"

namespace dse {
namespace {

int list_zoo(const Console& console) {
  report::Table table{{{"name", "name"}, {"description", "network"}}, {}};
  for (const zoo::Entry& entry : zoo::entries()) table.rows.push_back({entry.name, entry.description});
  report::print(console, table);
  return 0;
}

fs::path output_of(const Arguments& arguments) {
  if (arguments.text("--output").empty())
    throw Error(ExitCode::usage, "USAGE", "'--output FILE' is required: where to write the model");
  fs::path output = arguments.text("--output");
  if (!output.has_filename())
    throw Error(ExitCode::usage, "USAGE", "'--output' names no file: '" + printable(output.string()) + "'");
  return output;
}

void refuse_existing(const fs::path& path) {
  std::error_code unreadable;
  if (!fs::exists(fs::symlink_status(path, unreadable))) return;
  throw Error(ExitCode::usage, "OUTPUT-EXISTS", {path.string()}, "exists; '--force' overwrites it");
}

int run_model_make(const Arguments& arguments, Console& console) {
  const std::string name = arguments.text("NAME");
  if (arguments.has("--list") || name == "list") return list_zoo(console);
  if (name.empty())
    throw Error(ExitCode::usage, "USAGE", "'dse model make' needs the NAME of a network; '--list' shows them");
  const fs::path output = output_of(arguments);
  const zoo::MakeOptions options{
      static_cast<std::uint64_t>(arguments.integer("--seed", 0, std::numeric_limits<std::int64_t>::max())),
      arguments.has("--external-data")};
  const std::vector<fs::path> files = zoo::files(output, options);
  if (!arguments.has("--force"))
    for (const fs::path& file : files) refuse_existing(file);
  zoo::make(name, output, options);
  for (const fs::path& file : files)
    console.note(fmt::format("{} bytes written to {}", fs::file_size(file), printable(file.string())));
  return 0;
}

}  // namespace

Command model_make_command() {
  return {{"model", "make"},
          "write a network of the built-in zoo, with seeded random weights",
          {{"NAME", "which one; 'list' or --list shows them", false}},
          {{"-o,--output", "FILE", "where to write the ONNX file", false, false, "", {}},
           {"--seed", "N", "of the weights: equal seeds give equal files", false, false, "1", {}},
           {"--external-data", "", "weights beside the model, in <stem>.weights.bin", false, false, "", {}},
           {"--force", "", "overwrite files that exist", false, false, "", {}},
           {"--list", "", "show the networks", false, false, "", {}}},
          run_model_make};
}

}  // namespace dse
