#include "deploy/launch_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace dse::deploy {
namespace {

bool all_local(const Ranks& ranks) {
  return std::all_of(ranks.ranks.begin(), ranks.ranks.end(), [](const Rank& rank) { return rank.host == "localhost"; });
}

// @NAME@ are replaced by numbers. Everything else is fixed text: no name from a model or a platform file gets into the
// script.
constexpr std::string_view script = R"sh(#!/bin/sh
# Runs this package over MPI: run [--frames N] [--input FOLDER] [--output FOLDER] [any other option of dse-worker]
# Needs dse-worker (DSE_WORKER, else PATH) and Open MPI 4 (DSE_MPIRUN, else mpirun in PATH). Nothing is sent to other hosts: on
# each of them the package lies at the same path. DSE_PIN=no runs without pinning ranks to cores.
# Exit: 0 done, 2 usage, 3 damaged package, 5 I/O, 7 device or MPI failure, 8 deadline passed, 9 outputs wrong.
set -u

ranks=@RANKS@
local_cores=@CORES@
shared_cores=@SHARED@
all_local=@LOCAL@

package=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 5

fail() {
  printf 'run: error: %s\n' "$2" >&2
  exit "$1"
}

absolute() {
  case $1 in
    /* | -) printf '%s\n' "$1" ;;
    *) printf '%s/%s\n' "$(pwd -P)" "$1" ;;
  esac
}

worker=${DSE_WORKER:-$(command -v dse-worker || true)}
[ -n "$worker" ] || fail 7 "dse-worker is not in PATH; name it with DSE_WORKER"
worker=$(absolute "$worker")
[ -x "$worker" ] || fail 7 "$worker cannot be executed"
mpirun=${DSE_MPIRUN:-$(command -v mpirun || true)}
[ -n "$mpirun" ] || fail 7 "mpirun is not in PATH; install Open MPI or name it with DSE_MPIRUN"

# Paths among the options become absolute: ranks may have another working folder.
count=$#
while [ "$count" -gt 0 ]; do
  option=$1
  shift
  count=$((count - 1))
  set -- "$@" "$option"
  case $option in
    --input | --output | --report | --power-root)
      [ "$count" -gt 0 ] || fail 2 "$option needs a value"
      value=$(absolute "$1")
      shift
      count=$((count - 1))
      set -- "$@" "$value"
      ;;
  esac
done

if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

set -- --package "$package" "$@"
set -- -np "$ranks" "$worker" "$@"
pin=${DSE_PIN:-yes}
cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
if [ "$pin" != no ] && [ "$cores" -lt "$local_cores" ]; then
  printf 'run: warning: %s cores are asked for, %s are here: ranks are not pinned\n' "$local_cores" "$cores" >&2
  pin=no
fi
if [ "$pin" != no ] || [ "$all_local" = no ]; then
  set -- --rankfile "$package/rankfile" "$@"
else
  set -- --bind-to none --oversubscribe "$@"
fi
if [ "$shared_cores" = yes ]; then
  printf 'run: warning: ranks share cores: times say nothing about separate devices\n' >&2
  set -- --mca mpi_yield_when_idle 1 "$@"
fi

# Survivors of a failed rank are killed at once; mpirun's own help texts go to stderr unabridged.
# A rank that dies while it starts leaves mpirun writing to a socket that nobody reads: it must live to say who died.
(trap '' PIPE; exec "$mpirun" --mca odls_base_sigkill_timeout 0 --mca btl ^openib --mca orte_base_help_aggregate 0 --hostfile "$package/hostfile" "$@") &
launcher=$!

# mpirun can lock itself up at its own end where a rank was killed while it started: without a living child it has ten
# seconds to end.
has_living_child() {
  for child in $(cat "/proc/$launcher/task/$launcher/children" 2>/dev/null); do
    read -r state < "/proc/$child/stat" 2>/dev/null || continue
    case ${state##*) } in
      Z*) ;;
      *) return 0 ;;
    esac
  done
  return 1
}
watch_launcher() {
  seen=no
  alone=0
  while kill -0 "$launcher" 2>/dev/null && [ "$alone" -lt 10 ]; do
    sleep 1
    if has_living_child; then
      seen=yes
      alone=0
    elif [ "$seen" = yes ]; then
      alone=$((alone + 1))
    fi
  done
  kill -KILL "$launcher" 2>/dev/null
}
if [ -r "/proc/$launcher/task/$launcher/children" ]; then
  watch_launcher &
  watcher=$!
fi
interrupted=no
trap 'interrupted=yes; kill -TERM "$launcher" 2>/dev/null' HUP INT TERM
wait "$launcher"
status=$?
# The first wait ends early when a signal was trapped.
while kill -0 "$launcher" 2>/dev/null; do
  wait "$launcher"
  status=$?
done
[ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null
[ "$interrupted" = no ] || fail 130 "interrupted"
case $status in
  0 | 2 | 3 | 5 | 7 | 8 | 9 | 130) exit "$status" ;;
  *) fail 7 "mpirun ended with status $status: a rank or the launch failed" ;;
esac
)sh";

void replace(std::string& text, std::string_view mark, std::string_view value) {
  const std::size_t at = text.find(mark);
  text.replace(at, mark.size(), value);
}

std::string slots(const std::vector<int>& cores) { return fmt::format("{}", fmt::join(cores, ",")); }

}  // namespace

std::string hostfile_text(const Ranks& ranks) {
  std::string text;
  std::vector<std::string> seen;
  for (const Rank& rank : ranks.ranks) {
    if (std::find(seen.begin(), seen.end(), rank.host) != seen.end()) continue;
    seen.push_back(rank.host);
    const auto count = std::count_if(ranks.ranks.begin(), ranks.ranks.end(),
                                     [&](const Rank& other) { return other.host == rank.host; });
    text += fmt::format("{} slots={}{}\n", rank.host, count, rank.user.empty() ? "" : " username=" + rank.user);
  }
  return text;
}

std::string rankfile_text(const Ranks& ranks) {
  std::string text;
  for (std::size_t i = 0; i < ranks.ranks.size(); ++i)
    text += fmt::format("rank {}={} slot={}\n", i, ranks.ranks[i].host, slots(ranks.ranks[i].cores));
  return text;
}

std::string appfile_text(const Ranks& ranks) {
  std::string text = "# From inside the package, dse-worker in PATH: mpirun --app appfile\n";
  for (const Rank& rank : ranks.ranks) text += fmt::format("-np 1 -host {} dse-worker --package .\n", rank.host);
  return text;
}

std::string run_script(const Ranks& ranks) {
  std::string text(script);
  replace(text, "@RANKS@", std::to_string(ranks.ranks.size()));
  replace(text, "@CORES@", std::to_string(ranks.local_cores));
  replace(text, "@SHARED@", ranks.oversubscribed ? "yes" : "no");
  replace(text, "@LOCAL@", all_local(ranks) ? "yes" : "no");
  return text;
}

}  // namespace dse::deploy
