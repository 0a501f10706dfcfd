// Opening an archive file: what it takes to trust one, to create one, and to bring an old one up.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "dse/archive/archive.hpp"
#include "dse/archive/schema.hpp"

namespace dse::archive {

struct OpenOptions {
  Archive::Mode mode = Archive::Mode::open;
  int busy_milliseconds = 5000;  // how long a lock of another process is waited for
  const std::vector<Migration>* steps = &migrations();
};

// A checked and hardened connection at the newest version. Errors as archive.hpp says.
SQLite::Database open_database(const fs::path& path, const OpenOptions& options);

// The project's error for one of SQLite's.
Error translated(const fs::path& path, const SQLite::Exception& error);

// Runs `action` and translates what SQLite throws.
template <typename Action>
auto guarded(const fs::path& path, Action&& action) {
  try {
    return action();
  } catch (const SQLite::Exception& error) {
    throw translated(path, error);
  }
}

}  // namespace dse::archive
