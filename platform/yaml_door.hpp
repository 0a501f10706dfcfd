// The door for YAML: everything untrusted YAML can do wrong is turned into one Error(bad_input, YAML-...) with
// file:line:column.
//
// Refused: duplicate keys, aliases and anchors, tags, several documents, nesting over 32, more than 200,000 nodes,
// 1,500,000 punctuation marks or 16 MiB, control characters, UTF-16, tabs that indent. Accepted: UTF-8 with or without
// BOM, LF or CRLF.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace dse::yaml {

class Value {
 public:
  Place place() const;
  bool is_map() const;
  bool is_list() const;
  bool is_scalar() const;

  // Maps. Keys in file order; `allowed` refuses any other key at its own place, with a suggestion.
  std::vector<std::string> keys() const;
  void allow_keys(const std::vector<std::string>& allowed) const;
  bool has(std::string_view key) const;
  Value at(std::string_view key) const;  // YAML-MISSING names the key and the map's place
  std::optional<Value> find(std::string_view key) const;
  Place key_place(std::string_view key) const;

  // Lists; a scalar is refused.
  std::vector<Value> items() const;

  // Scalars, with a strict grammar: decimal numbers only (no octal, hex, underscores, nan, inf). A quoted scalar is
  // text and nothing else; a plain one that YAML reads as a number, a truth value or null is no text (YAML-TEXT asks
  // for quotes).
  std::string text() const;
  std::string scalar_text() const;  // any scalar as written: names of layers may look like numbers
  bool quoted() const;
  bool is_null() const;  // nothing, ~ or null
  std::size_t choice(
      const std::vector<std::string>& allowed) const;  // index of the text in `allowed`, YAML-VALUE suggests
  std::int64_t integer(std::int64_t lowest, std::int64_t highest) const;
  double number(double lowest, double highest) const;
  bool boolean() const;  // true | false
  // Quantities with a unit, a space before it or not; the unit is required.
  double seconds() const;           // ns us ms s
  std::uint64_t bytes() const;      // B kB MB GB KiB MiB GiB
  double bytes_per_second() const;  // kbit/s Mbit/s Gbit/s kB/s MB/s GB/s
  double watts() const;             // mW W
  double joules() const;            // nJ uJ mJ J

  [[noreturn]] void fail(std::string_view code, std::string_view message) const;

  struct Node;
  explicit Value(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

 private:
  std::shared_ptr<const Node> node_;
};

// `path` is for messages only.
Value parse(const std::string& text, const std::string& path);
// A scalar as a YAML file writes it: plain where that is safe, else double-quoted.
std::string quote(std::string_view text);
// The shortest decimal text that reads back as the same number.
std::string shortest(double value);

// Parses and checks the `dse: format/version` line: "platform/1".
Value parse_format(const std::string& text, const std::string& path, std::string_view format, int version);

}  // namespace dse::yaml
