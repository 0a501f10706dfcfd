// The tree behind yaml::Value; for yaml_*.cpp only.
#pragma once

#include <map>

#include "platform/yaml_door.hpp"

namespace dse::yaml {

enum class Kind { null, scalar, list, map };

struct Entry {
  std::string key;
  int line = 0, column = 0;
  std::shared_ptr<const Value::Node> value;
};

struct Value::Node {
  Kind kind = Kind::null;
  std::shared_ptr<const std::string> path;
  int line = 0, column = 0;  // from 1
  std::string label;         // the key that it stands under (items: their list's), for messages
  std::string text;          // scalars
  bool quoted = false;
  std::vector<std::shared_ptr<const Node>> items;
  std::vector<Entry> entries;                             // file order
  std::map<std::string, std::size_t, std::less<>> index;  // key -> entry
};

// Scalar grammar, used by the accessors: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?. Length of the longest prefix
// that matches.
std::size_t decimal_prefix(std::string_view text);
// What YAML 1.2 (and 1.1's octal and underscore forms) would not read as text.
bool reads_as_number(std::string_view text);
bool reads_as_boolean_or_null(std::string_view text);

}  // namespace dse::yaml
