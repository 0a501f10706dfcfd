// Mutated files never crash the readers: each is read, or refused by one Error that names a place.
#include <algorithm>
#include <cstdlib>
#include <random>

#include "platform/platform.hpp"
#include "tests/platform/helpers.hpp"

using namespace dse;

namespace {

std::vector<std::string> corpus(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> texts;
  for (const fs::path& file : files) texts.push_back(read_text(file, 1 << 20));
  return texts;
}

std::string mutated(std::string text, std::mt19937_64& random) {
  static const std::string pieces[] = {
      "[",           "]",    "{",    "}",     ": ", "- ",  "\n",   "  ",   "\t",   "&a ",
      "*a",          "!!x ", "'",    "\"",    "\\", "|\n", ">\n",  "? ",   "#",    "---\n",
      "%YAML 1.2\n", "0x",   ".nan", "1e999", "~",  ",",   "<<: ", "\xff", "\xc3", std::string(1, '\0'),
      "-",           "@",    "`",    "\r",    "..."};
  const auto at = [&] { return text.empty() ? 0 : random() % (text.size() + 1); };
  for (std::uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
    const std::size_t from = at(), other = at();
    switch (random() % 5) {
      case 0:
        text.insert(from, pieces[random() % std::size(pieces)]);
        break;
      case 1:
        text.erase(from, 1 + random() % 9);
        break;
      case 2:
        text.insert(from, text.substr(other, random() % 60));
        break;
      case 3:
        if (from < text.size()) text[from] = static_cast<char>(random());
        break;
      default:
        text.resize(from > text.size() / 2 ? from : text.size());
        break;
    }
  }
  return text;
}

template <typename Parse>
void survive(const std::vector<std::string>& texts, int rounds, Parse&& parse) {
  std::mt19937_64 random(20240607);
  int read = 0, refused = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::string text = mutated(texts[static_cast<std::size_t>(round) % texts.size()], random);
    try {
      parse(text);
      ++read;
    } catch (const Error& error) {
      ++refused;
      CAPTURE(text);
      REQUIRE(error.exit() == ExitCode::bad_input);
      REQUIRE(error.place().line >= 1);
      REQUIRE(std::string(error.what()).find('\n') == std::string::npos);
    }
  }
  CHECK(read > rounds / 100);
  CHECK(refused > rounds / 4);
}

}  // namespace

TEST_CASE("mutated platforms") {
  const fs::path folder = fs::path(std::getenv("DSE_SOURCE_DIR")) / "platform/examples";
  survive(corpus(folder), 6000,
          [&](const std::string& text) { parse_platform(text, (folder / "mutated.yaml").string()); });
}

TEST_CASE("mutated profiles") {
  const fs::path folder = fs::path(std::getenv("DSE_SOURCE_DIR")) / "platform/examples/profiles";
  std::vector<std::string> devices, links;
  for (const std::string& text : corpus(folder))
    (text.find("network-profile/1") == std::string::npos ? devices : links).push_back(text);
  survive(devices, 2000, [](const std::string& text) { parse_device_profile(text, "p.yaml"); });
  survive(links, 2000, [](const std::string& text) { parse_link_profile(text, "l.yaml"); });
}
