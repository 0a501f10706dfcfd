#include "runtime/decimal.hpp"

#include <cmath>
#include <locale>
#include <sstream>
#include <string>

namespace dse::runtime {

// std::from_chars for double came with g++ 11, and boards have older ones.
std::optional<double> decimal(std::string_view text) {
  // A stream also takes spaces and hexadecimal.
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  double value = 0;
  stream >> value;
  if (stream.fail() || !stream.eof() || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace dse::runtime
