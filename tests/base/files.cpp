#include "base/files.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "base/suggest.hpp"

using namespace dse;

namespace {

ExitCode exit_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.exit();
  }
  return ExitCode::done;
}

}  // namespace

TEST_CASE("a written file is complete, replaces the old one, and leaves no temporary") {
  const TempDir folder("dse-files");
  const fs::path path = folder.path() / "out.txt";
  write_file(path, "first");
  write_file(path, "second");
  CHECK(read_text(path, 100) == "second");
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
  CHECK(exit_of([&] { write_file(folder.path() / "missing" / "x", ""); }) == ExitCode::io);
}

TEST_CASE("only regular files below the cap are read") {
  const TempDir folder("dse-files");
  write_file(folder.path() / "ok", "12345");
  CHECK(MappedFile::open(folder.path() / "ok", 5).text() == "12345");
  CHECK(exit_of([&] { MappedFile::open(folder.path() / "ok", 4); }) == ExitCode::bad_input);
  CHECK(exit_of([&] { MappedFile::open(folder.path(), 4); }) == ExitCode::bad_input);
  CHECK(exit_of([&] { MappedFile::open("/dev/zero", 4); }) == ExitCode::bad_input);
  REQUIRE(::mkfifo((folder.path() / "fifo").c_str(), 0600) == 0);
  CHECK(exit_of([&] { MappedFile::open(folder.path() / "fifo", 4); }) == ExitCode::bad_input);
}

TEST_CASE("a file beneath a folder cannot be reached by any way around") {
  const TempDir folder("dse-files");
  fs::create_directories(folder.path() / "model" / "sub");
  write_file(folder.path() / "secret", "s");
  write_file(folder.path() / "model" / "sub" / "weights", "w");
  fs::create_symlink(folder.path() / "secret", folder.path() / "model" / "link");
  fs::create_directory_symlink(folder.path(), folder.path() / "model" / "linked");
  fs::create_hard_link(folder.path() / "secret", folder.path() / "model" / "hard");
  const auto open = [&](const std::string& name) {
    return exit_of([&] { MappedFile::open_beneath(folder.path() / "model", name, 100); });
  };
  CHECK(open("sub/weights") == ExitCode::done);
  for (const char* name :
       {"../secret", "sub/../../secret", "link", "linked/secret", "hard", "/etc/passwd", "", "sub", "nothing"})
    CHECK_MESSAGE(open(name) == ExitCode::bad_input, name);
}

TEST_CASE("names become file names that are neither paths nor equal") {
  CHECK(safe_file_name("../../etc/passwd", 3) == "______etc_passwd_3");
  CHECK(safe_file_name("", 0) == "n_0");
  CHECK(safe_file_name("-rf", 1) == "n-rf_1");
  CHECK(safe_file_name(std::string(500, 'x'), 7).size() == 50);
}

TEST_CASE("SHA-256 of the standard's example") {
  CHECK(sha256_hex(std::string_view("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("misspelt words get the nearest one, strange words the list") {
  CHECK(suggestion("bandwith", {"latency", "bandwidth"}) == ", did you mean 'bandwidth'?");
  CHECK(suggestion("zzzzzz", {"latency", "bandwidth"}) == "; allowed are latency, bandwidth");
}

TEST_CASE("text from outside cannot reach the terminal as control") {
  CHECK(printable("a\x1b[31mb\n") == "a\\x1b[31mb\\n");
  CHECK(printable("\xff"
                  "ok") == "\\xffok");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(printable("naïve") == "naïve");
}

namespace {

std::size_t resident_pages(const fs::path& path) {
  const MappedFile file = MappedFile::open(path, 1u << 30);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> present((file.bytes().size() + page - 1) / page);
  REQUIRE(::mincore(const_cast<std::byte*>(file.bytes().data()), file.bytes().size(), present.data()) == 0);
  return static_cast<std::size_t>(
      std::count_if(present.begin(), present.end(), [](unsigned char one) { return (one & 1) != 0; }));
}

}  // namespace

TEST_CASE("a file that has settled holds what it held, and on the disk alone") {
  const TempDir folder("dse-test-settle");
  const fs::path path = folder.path() / "f";
  const std::string content(1 << 20, 'x');
  write_file(path, content);
  CHECK(resident_pages(path) > 0);
  settle_file(path);
  struct statfs kind {};
  REQUIRE(::statfs(path.c_str(), &kind) == 0);
  constexpr long ext = 0xEF53, xfs = 0x58465342;
  if (kind.f_type == ext || kind.f_type == xfs)
    CHECK(resident_pages(path) == 0);
  else
    MESSAGE("not looked at: what this file system keeps in memory is its own");
  CHECK(read_text(path, 2 << 20) == content);
  settle_file(folder.path() / "absent");
}
