// What the platform tests share: expecting an Error, and a small platform file to break.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "base/error.hpp"

namespace dse::test {

// The Error that `action` throws, as "CODE line:column"; "" where it throws none.
template <typename Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.exit() == ExitCode::bad_input);
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.code() + " " + std::to_string(error.place().line) + ":" + std::to_string(error.place().column);
  }
  return "";
}

template <typename Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

inline const std::string lab =
    "dse: platform/1\n"
    "name: lab\n"
    "input: nano0\n"
    "output: pi0\n"
    "devices:\n"
    "  - {name: nano0, host: 192.168.7.10, user: edge, cores: 4, memory: 3.5 GiB}\n"
    "  - {name: pi0, host: pi0.local, cores: 4, memory: 1800 MiB, power: {idle: 2.3 W, active: 5.2 W, source: "
    "datasheet}}\n"
    "networks:\n"
    "  - {name: lan, kind: switched, members: [nano0, pi0], bandwidth: 940 Mbit/s, latency: 180 us}\n";

}  // namespace dse::test
