#include "base/error.hpp"

#include <fmt/format.h>

namespace dse {
namespace {

std::string compose(std::string_view code, const Place& place, std::string_view message) {
  const std::string where = place.to_string();
  return fmt::format("{}{}error[{}]: {}", where, where.empty() ? "" : ": ", code, printable(message, 2000));
}

// Length of the valid UTF-8 sequence at the front of `text`, 0 if there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return length;
}

}  // namespace

std::string Place::to_string() const {
  if (path.empty()) return "";
  std::string safe = printable(path, 1000);
  if (line <= 0) return safe;
  if (column <= 0) return fmt::format("{}:{}", safe, line);
  return fmt::format("{}:{}:{}", safe, line, column);
}

Error::Error(ExitCode exit, std::string_view code, Place place, std::string_view message)
    : std::runtime_error(compose(code, place, message)),
      exit_(exit),
      code_(code),
      place_(std::move(place)),
      message_(message) {}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (out.size() >= limit) return out + "…";
    const std::size_t length = utf8_sequence(text.substr(i));
    const auto lead = static_cast<unsigned char>(text[i]);
    const bool c1_control = length == 2 && lead == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (length == 0 || (length == 1 && (lead < 0x20 || lead == 0x7f)) || c1_control) {
      out += lead == '\n' ? "\\n" : lead == '\t' ? "\\t" : fmt::format("\\x{:02x}", lead);
      ++i;
      continue;
    }
    out.append(text, i, length);
    i += length;
  }
  return out;
}

}  // namespace dse
