#include "dse/version.hpp"

#include <fmt/core.h>
#include <sqlite3.h>

#include <nlohmann/json.hpp>
#include <pagmo/config.hpp>

namespace dse {

std::string version_text() { return DSE_VERSION; }

std::string versions_json() {
  const nlohmann::ordered_json versions = {
      {"dse", DSE_VERSION},
      {"commit", DSE_COMMIT},
      {"compiler", "g++ " __VERSION__},
      {"build", DSE_BUILD},
      {"sqlite", sqlite3_libversion()},
      {"pagmo", PAGMO_VERSION},
      {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"formats", {{"platform", 1}, {"mapping", 1}, {"profile", 1}, {"program", 1}, {"archive", 1}}},
  };
  return versions.dump(2);
}

}  // namespace dse
