#include "deploy/ranks.hpp"

#include <sched.h>

#include <algorithm>
#include <map>
#include <thread>

#include "base/error.hpp"

namespace dse::deploy {
namespace {

std::vector<int> next_cores(int& next, int wanted, int limit) {
  std::vector<int> cores;
  for (int i = 0; i < wanted; ++i, ++next) {
    const int core = limit > 0 ? next % limit : next;
    if (std::find(cores.begin(), cores.end(), core) == cores.end()) cores.push_back(core);
  }
  std::sort(cores.begin(), cores.end());
  return cores;
}

class Renumbering {
 public:
  Renumbering(std::size_t devices, const Ranks& ranks) : rank_of_(devices, missing) {
    for (std::size_t rank = 0; rank < ranks.ranks.size(); ++rank) rank_of_[ranks.ranks[rank].device] = rank;
  }
  std::size_t operator()(std::size_t device) const {
    if (device >= rank_of_.size() || rank_of_[device] == missing)
      throw Error(ExitCode::internal, "PACKAGE-RANKS", "a device without work is the peer, source or sink of another");
    return rank_of_[device];
  }

 private:
  static constexpr std::size_t missing = static_cast<std::size_t>(-1);
  std::vector<std::size_t> rank_of_;
};

}  // namespace

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Ranks assign_ranks(const Platform& platform, const program::ProgramSet& programs, int local_cores) {
  if (local_cores <= 0) local_cores = available_cores();
  Ranks result;
  std::map<std::string, int> next;
  for (std::size_t index = 0; index < programs.programs.size(); ++index) {
    if (programs.programs[index].lanes.empty()) continue;
    const Device& device = platform.devices[index];
    int& core = next[device.host];
    result.ranks.push_back({index, device.name, device.host, device.user,
                            next_cores(core, std::max(1, device.cores), device.local() ? local_cores : 0)});
  }
  const int wanted = next.contains("localhost") ? next.at("localhost") : 0;
  result.local_cores = std::min(wanted, local_cores);
  result.oversubscribed = wanted > local_cores;
  return result;
}

program::ProgramSet renumber(const program::ProgramSet& programs, const Ranks& ranks) {
  const Renumbering rank_of(programs.programs.size(), ranks);
  program::ProgramSet result;
  result.deployment = programs.deployment;
  result.deployment.devices.clear();
  for (const Rank& rank : ranks.ranks) {
    result.deployment.devices.push_back(rank.name);
    program::Program program = programs.programs[rank.device];
    program.index = rank_of(rank.device);
    for (program::Lane& lane : program.lanes)
      for (program::Step& step : lane.steps)
        if (step.kind == program::StepKind::send || step.kind == program::StepKind::receive)
          step.peer = rank_of(step.peer);
    result.programs.push_back(std::move(program));
  }
  for (program::Replica& replica : result.deployment.replicas) {
    for (std::size_t& source : replica.sources) source = rank_of(source);
    replica.sink = rank_of(replica.sink);
  }
  return result;
}

}  // namespace dse::deploy
