// A search's checkpoint as JSON, and back. Genomes only: everything else about them is computed again, exactly.
#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.hpp"
#include "dse/search/search.hpp"

namespace dse::search {
namespace {

using nlohmann::json;

constexpr int format_version = 1;

json with_generation(const std::vector<FrontEntry>& entries) {
  json list = json::array();
  for (const FrontEntry& entry : entries) list.push_back({to_json(entry.genome), entry.generation});
  return list;
}

std::vector<std::pair<Genome, std::int64_t>> read_entries(const json& list, const Space& space) {
  std::vector<std::pair<Genome, std::int64_t>> entries;
  for (const json& item : list) {
    entries.emplace_back(genome_from_json(item.at(0).get<std::string>(), space), item.at(1).get<std::int64_t>());
  }
  return entries;
}

void append_hex(const std::vector<std::uint64_t>& words, std::string& text) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const std::uint64_t word : words)
    for (int shift = 60; shift >= 0; shift -= 4) text += digits[word >> shift & 15];
}

std::vector<std::uint64_t> from_hex(const std::string& text) {
  std::vector<std::uint64_t> words(text.size() / 16);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::from_chars(text.data() + i * 16, text.data() + (i + 1) * 16, words[i], 16);
  }
  return words;
}

}  // namespace

std::string Search::state() const {
  json population = json::array();
  for (const Member& member : population_) population.push_back(to_json(member.genome));
  const auto& nearest = evaluations_.nearest();
  std::string text = json{{"version", format_version},
                          {"generation", generation_},
                          {"evaluations", evaluations_.count()},
                          {"stalled", stalled_},
                          {"next_look", next_look_},
                          {"hypervolume_before", hypervolume_before_},
                          {"reference", reference_},
                          {"worst", evaluations_.worst()},
                          {"population", population},
                          {"front", with_generation(front().entries())},
                          {"extremes", with_generation(evaluations_.extremes())},
                          {"nearest", nearest ? with_generation({*nearest}) : json::array()}}
                         .dump();
  // Long after millions of evaluations: written where it stays.
  const std::vector<std::uint64_t> seen = evaluations_.seen_hashes();
  text.pop_back();
  text.reserve(text.size() + 16 * seen.size() + 16);
  text += ",\"seen\":\"";
  append_hex(seen, text);
  text += "\"}";
  return text;
}

void Search::resume(const std::string& state) {
  try {
    const json document = json::parse(state);
    if (document.at("version").get<int>() != format_version) {
      throw Error(ExitCode::database, "SEARCH-STATE",
                  "the checkpoint was written by another version of dse; start a new run");
    }
    const Space& space = evaluations_.space();
    generation_ = document.at("generation").get<std::int64_t>();
    stalled_ = document.at("stalled").get<std::int64_t>();
    next_look_ = document.value("next_look", std::int64_t{0});
    hypervolume_before_ = document.value("hypervolume_before", -1.0);
    reference_ = document.at("reference").get<Fitness>();
    if (reference_.size() != options_.objectives.size())
      throw Error(ExitCode::database, "SEARCH-STATE", "the run's checkpoint is of other objectives; start a new run");
    evaluations_.set_scale(reference_);
    evaluations_.set_generation(generation_);
    evaluations_.restore(from_hex(document.at("seen").get<std::string>()),
                         document.at("evaluations").get<std::int64_t>());
    evaluations_.restore_records({read_entries(document.at("front"), space),
                                  read_entries(document.at("extremes"), space),
                                  read_entries(document.at("nearest"), space), document.at("worst").get<Fitness>()});
    std::vector<Genome> genomes;
    for (const json& item : document.at("population"))
      genomes.push_back(genome_from_json(item.get<std::string>(), space));
    const std::vector<Fitness> fitnesses = evaluations_.evaluate(genomes);
    population_.clear();
    for (std::size_t i = 0; i < genomes.size(); ++i) population_.push_back({genomes[i], fitnesses[i]});
  } catch (const json::exception&) {
    throw Error(ExitCode::database, "SEARCH-STATE", "the run's checkpoint is damaged; start a new run");
  }
}

}  // namespace dse::search
