#include "dse/commands/candidate_id.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace dse {
namespace {

std::optional<std::int64_t> positive_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1) return std::nullopt;
  return value;
}

// "1, 2, 3, ..." of at most ten.
template <typename Items, typename Id>
std::string listed(const Items& items, const Id& id_of) {
  std::vector<std::int64_t> ids;
  for (const auto& item : items) ids.push_back(id_of(item));
  const std::size_t shown = std::min<std::size_t>(ids.size(), 10);
  const std::vector<std::int64_t> first(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(shown));
  return fmt::format("{}{}", fmt::join(first, ", "), shown < ids.size() ? ", ..." : "");
}

std::string front_hint(const archive::Archive& archive, std::optional<std::int64_t> run) {
  const std::optional<std::int64_t> shown = run ? run : archive.newest_run();
  if (!shown) return "it holds no run yet";
  return fmt::format("on the front of run {} are {}", *shown,
                     listed(archive.front(*shown), [](const auto& c) { return c.id; }));
}

std::int64_t knee_of(const archive::Archive& archive, std::int64_t run) {
  const std::optional<std::int64_t> knee = archive.knee(run, objectives_of(*archive.run(run)));
  if (!knee)
    throw Error(ExitCode::infeasible, "CANDIDATE",
                fmt::format("run {} has no feasible candidate, so there is no knee", run));
  return *knee;
}

}  // namespace

std::int64_t resolve_run(const archive::Archive& archive, std::optional<std::int64_t> asked) {
  if (!asked) {
    const std::optional<std::int64_t> newest = archive.newest_run();
    if (!newest) throw Error(ExitCode::usage, "RUN", "the archive holds no run yet; dse explore --db makes one");
    return *newest;
  }
  if (archive.run(*asked)) return *asked;
  throw Error(ExitCode::usage, "RUN",
              fmt::format("the archive holds no run {}; it holds {}", *asked,
                          listed(archive.runs(), [](const auto& r) { return r.id; })));
}

std::int64_t resolve_candidate(const archive::Archive& archive, const std::string& text,
                               std::optional<std::int64_t> run) {
  return find_candidate(archive, text, run).id;
}

archive::Candidate find_candidate(const archive::Archive& archive, const std::string& text,
                                  std::optional<std::int64_t> run) {
  const std::int64_t in_run = run ? resolve_run(archive, run) : 0;
  if (text == "knee") return *archive.candidate(knee_of(archive, run ? in_run : resolve_run(archive, std::nullopt)));
  const std::optional<std::int64_t> id = positive_number(text);
  if (!id)
    throw Error(
        ExitCode::usage, "CANDIDATE",
        fmt::format("'{}' is no candidate; it takes an id or 'knee' ({})", printable(text), front_hint(archive, run)));
  std::optional<archive::Candidate> found = archive.candidate(*id);
  if (!found)
    throw Error(ExitCode::usage, "CANDIDATE",
                fmt::format("the archive holds no candidate {}; {}", *id, front_hint(archive, run)));
  if (run && found->run != in_run)
    throw Error(ExitCode::usage, "CANDIDATE",
                fmt::format("candidate {} belongs to run {}, not to run {}", *id, found->run, in_run));
  return std::move(*found);
}

std::vector<Objective> objectives_of(const archive::Run& run) {
  std::vector<Objective> usual = {Objective::latency, Objective::energy_max, Objective::memory_max};
  const nlohmann::json options = nlohmann::json::parse(run.info.options_json, nullptr, false);
  if (!options.is_object() || !options.contains("objectives")) return usual;
  const nlohmann::json& names = options["objectives"];
  std::vector<std::string> words;
  if (names.is_string()) {
    Arguments splitter;
    splitter.set("objectives", names.get<std::string>());
    words = splitter.comma_list("objectives");
  }
  if (names.is_array())
    for (const nlohmann::json& name : names)
      if (name.is_string()) words.push_back(name.get<std::string>());
  std::vector<Objective> objectives;
  for (const std::string& word : words) objectives.push_back(objective_from_string(word));
  return objectives.empty() ? usual : objectives;
}

OptionSpec run_option() { return {"--run", "R", "the run, by its id; without it the newest", false, false, "", {}}; }

std::optional<std::int64_t> run_asked(const Arguments& arguments) {
  if (!arguments.has("--run")) return std::nullopt;
  return arguments.integer("--run", 1, std::numeric_limits<std::int64_t>::max());
}

}  // namespace dse
