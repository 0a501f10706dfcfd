#include "deploy/package_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "base/sha256.hpp"

using namespace dse;
using deploy::PackageFolder;

namespace {

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

}  // namespace

TEST_CASE("a folder appears only when it is complete") {
  const TempDir temporary("dse-test");
  const fs::path place = temporary.path() / "package";
  {
    PackageFolder folder(place, false);
    folder.add("a/b.txt", "text");
    folder.add("run", "#!/bin/sh\n", 0755);
    CHECK_FALSE(fs::exists(place));
    CHECK(folder.files().at("a/b.txt").sha256 == sha256_hex("text"));
    CHECK(folder.files().at("a/b.txt").bytes == 4);
    folder.commit();
  }
  CHECK(names_in(temporary.path()) == std::vector<std::string>{"package"});
  CHECK(read_text(place / "a/b.txt", 100) == "text");
  CHECK((fs::status(place / "run").permissions() & fs::perms::owner_exec) != fs::perms::none);
  CHECK((fs::status(place).permissions() & fs::perms::owner_all) == fs::perms::owner_all);
}

TEST_CASE("nothing is left of a folder that was given up") {
  const TempDir temporary("dse-test");
  {
    PackageFolder folder(temporary.path() / "package", false);
    folder.add("a", "text");
  }
  CHECK(names_in(temporary.path()).empty());
}

TEST_CASE("what stands in the place is not overwritten") {
  const TempDir temporary("dse-test");
  const fs::path place = temporary.path() / "package";
  fs::create_directory(place);
  CHECK(code_of([&] { PackageFolder folder(place, false); }) == "");  // an empty folder is no loss
  write_file(place / "letter.txt", "dear");
  CHECK(code_of([&] { PackageFolder folder(place, false); }) == "OUTPUT-EXISTS");
  CHECK(code_of([&] { PackageFolder folder(place, true); }) == "OUTPUT-EXISTS");  // not a package: force does not help
  write_file(place / "manifest.json", "{}");
  CHECK(code_of([&] { PackageFolder folder(place, false); }) == "OUTPUT-EXISTS");
  {
    PackageFolder folder(place, true);
    folder.add("new", "1");
    CHECK(fs::exists(place / "letter.txt"));
    folder.commit();
  }
  CHECK(names_in(place) == std::vector<std::string>{"new"});
  CHECK(names_in(temporary.path()) == std::vector<std::string>{"package"});
}

TEST_CASE("a file, a symbolic link and a missing parent are refused at once") {
  const TempDir temporary("dse-test");
  write_file(temporary.path() / "file", "x");
  fs::create_directory(temporary.path() / "real");
  fs::create_directory_symlink("real", temporary.path() / "link");
  CHECK(code_of([&] { PackageFolder folder(temporary.path() / "file", true); }) == "OUTPUT-EXISTS");
  CHECK(code_of([&] { PackageFolder folder(temporary.path() / "link", true); }) == "OUTPUT-EXISTS");
  CHECK(code_of([&] { PackageFolder folder(temporary.path() / "none" / "package", false); }) == "OUTPUT-FOLDER");
}

TEST_CASE("a folder that fills up meanwhile is kept") {
  const TempDir temporary("dse-test");
  const fs::path place = temporary.path() / "package";
  CHECK(code_of([&] {
          PackageFolder folder(place, false);
          folder.add("a", "text");
          fs::create_directory(place);
          write_file(place / "mine", "x");
          folder.commit();
        }) == "OUTPUT-EXISTS");
  CHECK(names_in(place) == std::vector<std::string>{"mine"});
  CHECK(names_in(temporary.path()) == std::vector<std::string>{"package"});
}

TEST_CASE("only package paths are written, each once") {
  const TempDir temporary("dse-test");
  PackageFolder folder(temporary.path() / "package", false);
  folder.add("a", "1");
  for (const char* path : {"../a", "/etc/x", ".hidden", "a b", "-x", "", "a", "x/../y"})
    CHECK(code_of([&] { folder.add(path, "1"); }) == "PACKAGE-PATH");
}
