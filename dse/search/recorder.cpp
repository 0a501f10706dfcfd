#include "dse/search/recorder.hpp"

#include <algorithm>

namespace dse::search {

Recorder::Recorder(archive::Archive& archive, std::int64_t run, const Network& network, const Platform& platform,
                   const Space& space)
    : archive_(archive), run_(run), network_(network), platform_(platform), space_(space) {
  for (const archive::Candidate& candidate : archive.candidates(run)) {
    stored_.insert(std::hash<std::string>()(candidate.mapping_json));
    if (candidate.on_front) on_front_.insert(candidate.mapping_json);
  }
}

bool Recorder::due() const {
  return Clock::now() - last_ >= std::max<Clock::duration>(std::chrono::seconds(1), 20 * cost_);
}

const std::string& Recorder::text_of(const Genome& genome) {
  const auto [entry, fresh] = texts_.try_emplace(hash(genome));
  if (fresh) entry->second = to_json(to_mapping(genome, space_), network_, platform_);
  return entry->second;
}

archive::NewCandidate Recorder::candidate(const FrontEntry& entry, bool on_front) {
  archive::NewCandidate candidate;
  candidate.mapping_json = text_of(entry.genome);
  candidate.estimate = entry.estimate;
  candidate.strategy = strategy_name(to_mapping(entry.genome, space_));
  candidate.generation = entry.generation;
  candidate.on_front = on_front;
  return candidate;
}

void Recorder::checkpoint(Search& search, double seconds, std::string state, std::int64_t evaluations) {
  const Clock::time_point begun = Clock::now();
  archive::Checkpoint checkpoint;
  checkpoint.generation = search.generation();
  checkpoint.evaluations = evaluations;
  checkpoint.seconds = seconds;
  checkpoint.state = std::move(state);
  std::unordered_set<std::string> front;
  std::unordered_map<std::uint64_t, std::string> texts;
  const auto add = [&](const FrontEntry& entry, bool on_front) {
    const std::string& text = text_of(entry.genome);
    texts.emplace(hash(entry.genome), text);
    if (on_front) front.insert(text);
    const bool fresh = stored_.insert(std::hash<std::string>()(text)).second;
    if (fresh || (on_front && !on_front_.contains(text))) checkpoint.added.push_back(candidate(entry, on_front));
  };
  for (const FrontEntry& entry : search.front().entries()) add(entry, true);
  for (const FrontEntry& entry : search.evaluations().extremes()) add(entry, false);
  if (search.evaluations().nearest()) add(*search.evaluations().nearest(), false);
  for (const FrontEntry& entry : search.take_kept()) add(entry, false);
  for (const std::string& text : on_front_)
    if (!front.contains(text)) checkpoint.left_front.push_back(text);
  on_front_ = std::move(front);
  texts_ = std::move(texts);
  std::sort(checkpoint.left_front.begin(), checkpoint.left_front.end());
  archive_.commit(run_, checkpoint);
  last_ = Clock::now();
  cost_ = last_ - begun;
}

}  // namespace dse::search
