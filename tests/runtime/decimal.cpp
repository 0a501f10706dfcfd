#include "runtime/decimal.hpp"

#include <doctest/doctest.h>

using dse::runtime::decimal;

TEST_CASE("decimal numbers are whole, finite and nothing else") {
  for (const char* text : {"0", "1.5", "-2e3", "+7", ".5", "1e-300"}) CHECK(decimal(text).has_value());
  CHECK(*decimal("1.5e3") == 1500);
  for (const char* text : {"", " 1", "1 ", "0x10", "nan", "inf", "1e400", "1.2.3", "1,5", "e5", "--1"}) {
    CAPTURE(text);
    CHECK_FALSE(decimal(text).has_value());
  }
}
