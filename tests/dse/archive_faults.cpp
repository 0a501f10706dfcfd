// Other writers, kills and full disks: what was reported as stored is there afterwards.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <random>
#include <thread>

#include "base/error.hpp"
#include "dse/archive/database.hpp"
#include "tests/dse/archive_samples.hpp"

using namespace dse;
using namespace dse::archive;

namespace {

using Mode = Archive::Mode;

// Runs `work` in a child process; its result is the exit code. The child must not return into the test runner.
pid_t start_child(const std::function<int()>& work) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    int code = 99;
    try {
      code = work();
    } catch (const Error& error) {
      code = static_cast<int>(error.exit());
    } catch (...) {
    }
    ::_exit(code);
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string integrity(const fs::path& path) {
  return samples::plain(path).execAndGet("PRAGMA integrity_check").getString();
}

// Commits one candidate a generation for ever, and writes each number to `pipe` once its commit has returned.
int commit_for_ever(const fs::path& path, std::int64_t run, int first, int pipe) {
  Archive archive = Archive::open(path, Mode::open);
  for (int generation = first;; ++generation) {
    archive.commit(run, samples::checkpoint(generation, {samples::candidate(generation)}));
    if (::write(pipe, &generation, sizeof generation) != static_cast<ssize_t>(sizeof generation)) return 1;
  }
}

// The last number that came through the pipe before its writer was killed.
int last_number(int pipe, int before) {
  int number = before;
  while (::read(pipe, &number, sizeof number) == static_cast<ssize_t>(sizeof number)) {
  }
  return number;
}

}  // namespace

TEST_CASE("kill -9 in the middle of commits loses nothing that was reported as stored") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "runs.db";
  const std::int64_t run = Archive::open(path, Mode::create_or_open).begin_run(samples::run_info());
  std::mt19937_64 random(11);
  int stored = 0;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t pid = start_child([&] { return commit_for_ever(path, run, stored + 1, ends[1]); });
    ::close(ends[1]);
    // However slow the machine: at least one commit a round, then death at any point of a later one.
    int first = 0;
    REQUIRE(::read(ends[0], &first, sizeof first) == static_cast<ssize_t>(sizeof first));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60000));
    ::kill(pid, SIGKILL);
    CHECK(wait_for(pid) == 128 + SIGKILL);
    const int reported = last_number(ends[0], first);
    ::close(ends[0]);
    {
      const Archive archive = Archive::open(path, Mode::read_only);
      const Run state = *archive.run(run);
      // A commit may be whole without having been reported; it is never in halves.
      CHECK(state.generation >= reported);
      CHECK(state.generation <= reported + 1);
      if (state.generation > 0) CHECK(state.state == samples::checkpoint(state.generation, {}).state);
      const std::vector<Candidate> candidates = archive.candidates(run);
      REQUIRE(candidates.size() == static_cast<std::size_t>(state.generation));
      for (const Candidate& candidate : candidates) CHECK(candidate.estimate.devices.size() == 2);
      stored = static_cast<int>(state.generation);
    }
    CHECK(integrity(path) == "ok");
  }
  CHECK(stored >= 20);
}

TEST_CASE("kill -9 while an archive is being made: it can be made again") {
  const TempDir folder("dse-archive");
  std::mt19937_64 random(13);
  for (int round = 0; round < 20; ++round) {
    const fs::path path = folder.path() / fmt::format("{}.db", round);
    const pid_t pid = start_child([&] {
      Archive::open(path, Mode::create_or_open);
      return 0;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
    ::kill(pid, SIGKILL);
    wait_for(pid);
    samples::fill(path);
    CHECK(Archive::open(path, Mode::read_only).front(1).size() == 3);
  }
}

TEST_CASE("several processes make and fill one archive at once") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "runs.db";
  constexpr int writers = 4;
  constexpr int generations = 15;
  std::vector<pid_t> children;
  for (int i = 0; i < writers; ++i) {
    children.push_back(start_child([&] {
      Archive archive = Archive::open(path, Mode::create_or_open);
      const std::int64_t run = archive.begin_run(samples::run_info());
      for (int g = 1; g <= generations; ++g) archive.commit(run, samples::checkpoint(g, {samples::candidate(g)}));
      archive.finish_run(run, "done", "");
      return 0;
    }));
  }
  for (const pid_t pid : children) CHECK(wait_for(pid) == 0);
  const Archive archive = Archive::open(path, Mode::read_only);
  REQUIRE(archive.runs().size() == writers);
  for (const Run& run : archive.runs()) {
    CHECK(run.status == "done");
    CHECK(archive.candidates(run.id).size() == generations);
  }
  CHECK(integrity(path) == "ok");
}

TEST_CASE("a lock that is not given up is reported as such, and readers do not wait for writers") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "runs.db";
  samples::fill(path);
  SQLite::Database holder = samples::plain(path);
  holder.exec("BEGIN IMMEDIATE; UPDATE runs SET argv = 'other'");
  CHECK(Archive::open(path, Mode::read_only).front(1).size() == 3);
  OpenOptions hasty;
  hasty.busy_milliseconds = 50;
  SQLite::Database db = open_database(path, hasty);
  try {
    guarded(path, [&] { db.exec("BEGIN IMMEDIATE"); });
    FAIL("two writers at once");
  } catch (const Error& error) {
    CHECK(error.code() == "DB-BUSY");
    CHECK(error.exit() == ExitCode::database);
  }
}

TEST_CASE("an archive that another process holds exclusively is in use, not damaged") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "runs.db";
  samples::fill(path);
  SQLite::Database holder = samples::plain(path);
  holder.exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE runs SET argv = 'other'");
  OpenOptions hasty;
  hasty.busy_milliseconds = 50;
  for (const Mode mode : {Mode::read_only, Mode::open, Mode::create_or_open}) {
    hasty.mode = mode;
    try {
      open_database(path, hasty);
      FAIL("opened");
    } catch (const Error& error) {
      CHECK(error.code() == "DB-BUSY");
    }
  }
}

namespace {

// Commits until the disk is full; the exit code says what happened, and `reported` how many generations were stored
// before.
int fill_disk(const fs::path& path, int pipe) {
  Archive archive = Archive::open(path, Mode::create_or_open);
  const std::int64_t run = archive.begin_run(samples::run_info());
  for (int generation = 1; generation < 100000; ++generation) {
    archive.commit(run, samples::checkpoint(generation, {samples::candidate(generation)}));
    if (::write(pipe, &generation, sizeof generation) != static_cast<ssize_t>(sizeof generation)) return 98;
  }
  return 97;
}

// What a process that shares the full disk finds: every reported generation, and an intact file.
int check_full_disk(const fs::path& path, int reported) {
  const Archive archive = Archive::open(path, Mode::read_only);
  if (archive.run(1)->generation != reported) return 60;
  if (archive.candidates(1).size() != static_cast<std::size_t>(reported)) return 61;
  return integrity(path) == "ok" ? 0 : 62;
}

}  // namespace

TEST_CASE("a full disk: exit code io, and every generation that was reported is there") {
  const TempDir folder("dse-archive");
  // The mount is in a namespace of its own, which ends with the child.
  const auto in_small_disk = [&](int kilobytes) {
    return wait_for(start_child([&] {
      if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, fmt::format("size={}k", kilobytes).c_str()) != 0)
        return 77;
      int ends[2];
      if (::pipe(ends) != 0) return 50;
      const pid_t writer = ::fork();
      if (writer == 0) {
        try {
          ::_exit(fill_disk(folder.path() / "runs.db", ends[1]));
        } catch (const Error& error) {
          ::_exit(static_cast<int>(error.exit()));
        }
      }
      ::close(ends[1]);
      const int reported = last_number(ends[0], 0);
      int status = 0;
      ::waitpid(writer, &status, 0);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != static_cast<int>(ExitCode::io)) return 51;
      return reported == 0 ? 0 : check_full_disk(folder.path() / "runs.db", reported);
    }));
  };
  for (const int kilobytes : {64, 200, 400, 1000, 1500}) {
    CAPTURE(kilobytes);
    const int code = in_small_disk(kilobytes);
    if (code == 77) {
      MESSAGE("skipped: mounting a small file system needs root");
      return;
    }
    CHECK(code == 0);
  }
}

TEST_CASE("a file size limit: exit code io, and every generation that was reported is there") {
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "runs.db";
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = start_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{600'000, 600'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return fill_disk(path, ends[1]);
  });
  ::close(ends[1]);
  const int reported = last_number(ends[0], 0);
  ::close(ends[0]);
  CHECK(wait_for(pid) == static_cast<int>(ExitCode::io));
  CHECK(reported > 5);
  CHECK(check_full_disk(path, reported) == 0);
}

TEST_CASE("a folder that cannot be written: reading works, writing says why") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: becoming another user needs root");
    return;
  }
  const TempDir folder("dse-archive");
  const fs::path path = folder.path() / "runs.db";
  samples::fill(path);
  fs::permissions(folder.path(), fs::perms(0555));
  fs::permissions(path, fs::perms(0444));
  const auto as_nobody = [&](Mode mode, const fs::path& file) {
    return wait_for(start_child([&] {
      if (::setuid(65534) != 0) return 77;
      return Archive::open(file, mode).front(1).size() == 3 ? 0 : 50;
    }));
  };
  CHECK(as_nobody(Mode::read_only, path) == 0);
  CHECK(as_nobody(Mode::create_or_open, folder.path() / "new.db") == static_cast<int>(ExitCode::io));
  fs::permissions(folder.path(), fs::perms(0755));
}
