// The one exception type of the project, and the exit codes of its programs.
//
// Libraries throw Error (or return it as a value where a failure is data); only main() prints and exits.
// what() reads `file:line:column: error[CODE]: what is wrong, and what would be right` without the parts that are
// unknown.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace dse {

enum class ExitCode : int {
  done = 0,
  internal = 1,
  usage = 2,
  bad_input = 3,
  infeasible = 4,
  io = 5,
  database = 6,
  device = 7,
  deadline = 8,
  mismatch = 9,
  interrupted = 130,
};

// A place in a file; line and column count from 1, 0 means unknown. `path` may also name a place that is no line:
// "model.onnx: node 'conv1'".
struct Place {
  std::string path;
  int line = 0;
  int column = 0;

  std::string to_string() const;
};

class Error : public std::runtime_error {
 public:
  // code: stable, upper case with dashes ("PLATFORM-KEY"); message: one line, says what would be right.
  Error(ExitCode exit, std::string_view code, Place place, std::string_view message);
  Error(ExitCode exit, std::string_view code, std::string_view message) : Error(exit, code, Place{}, message) {}

  ExitCode exit() const { return exit_; }
  const std::string& code() const { return code_; }
  const Place& place() const { return place_; }
  const std::string& message() const { return message_; }

 private:
  ExitCode exit_;
  std::string code_;
  Place place_;
  std::string message_;
};

// Text from outside, made safe for one line of a terminal: control characters and invalid UTF-8 escaped, cut at `limit`
// bytes.
std::string printable(std::string_view text, std::size_t limit = 200);

}  // namespace dse
