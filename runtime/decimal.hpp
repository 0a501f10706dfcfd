// Decimal numbers as people and meters write them.
#pragma once

#include <optional>
#include <string_view>

namespace dse::runtime {

// The whole text as a finite number: digits, a point, a sign, an exponent. Nothing for anything else: spaces, "0x10",
// "nan", a number too large. Whatever the locale.
std::optional<double> decimal(std::string_view text);

}  // namespace dse::runtime
