#include "runtime/in_process.hpp"

#include <doctest/doctest.h>

#include <array>

#include "base/error.hpp"

using namespace dse;
using runtime::Clock;
using runtime::Token;

namespace {

std::vector<Token> finished(runtime::Transport& end) {
  std::vector<Token> tokens;
  end.wait(tokens, {});
  return tokens;
}

std::array<std::byte, 2> message(int a, int b) { return {static_cast<std::byte>(a), static_cast<std::byte>(b)}; }

}  // namespace

TEST_CASE("messages of one tag arrive in the order they were sent, others by their tag") {
  runtime::InProcessHub hub(2);
  const auto first = message(1, 2), second = message(3, 4), other = message(5, 6);
  auto a = message(0, 0), b = message(0, 0), c = message(0, 0);
  hub.end(0).post_send(1, 7, first, 10);
  hub.end(0).post_send(1, 7, second, 11);
  CHECK(finished(hub.end(0)).empty());
  hub.end(1).post_receive(0, 8, c, 22);
  hub.end(0).post_send(1, 8, other, 12);
  hub.end(1).post_receive(0, 7, a, 20);
  hub.end(1).post_receive(0, 7, b, 21);
  CHECK(a == first);
  CHECK(b == second);
  CHECK(c == other);
  CHECK(finished(hub.end(0)) == std::vector<Token>{12, 10, 11});
  CHECK(finished(hub.end(1)) == std::vector<Token>{22, 20, 21});
}

TEST_CASE("waiting ends at its time, and at a failure of anyone") {
  runtime::InProcessHub hub(2);
  std::vector<Token> tokens;
  CHECK_FALSE(hub.end(0).wait(tokens, Clock::now() + std::chrono::milliseconds(5)));
  hub.end(1).abort(std::make_exception_ptr(Error(ExitCode::device, "TEST", "gone")));
  CHECK_THROWS_AS(hub.end(0).wait(tokens, Clock::now() + std::chrono::hours(1)), Error);
  CHECK_THROWS_AS(hub.end(1).wait(tokens, {}), Error);
}

TEST_CASE("a message of another size is a failure at both ends") {
  runtime::InProcessHub hub(2);
  const auto sent = message(1, 2);
  std::array<std::byte, 3> target{};
  hub.end(1).post_receive(0, 1, target, 1);
  hub.end(0).post_send(1, 1, sent, 2);
  std::vector<Token> tokens;
  CHECK_THROWS_AS(hub.end(0).wait(tokens, {}), Error);
  CHECK_THROWS_AS(hub.end(1).wait(tokens, {}), Error);
}
