// The tables and views of the archive, as the steps that make them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace dse::archive {

// "DSEA" in the file's header: what tells our files from any other SQLite database.
inline constexpr std::int32_t application_id = 0x44534541;

// Step i brings a file from user_version i to i + 1, whole or not at all. A step that has been released is never
// edited: what changes is a new step, and an old file is brought up when it is next opened.
struct Migration {
  std::string_view sql;
};

const std::vector<Migration>& migrations();

}  // namespace dse::archive
