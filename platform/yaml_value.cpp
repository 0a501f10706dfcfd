// Access to a parsed document: maps, lists, text. Numbers and quantities are in yaml_scalars.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "base/suggest.hpp"
#include "platform/yaml_node.hpp"

namespace dse::yaml {
namespace {

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "a single value";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "";
}

// "'cores' must be " for a value under a key, "this must be " else.
std::string subject(const Value::Node& node) {
  return node.label.empty() ? "this must be" : fmt::format("'{}' must be", printable(node.label, 60));
}

void require(const Value& value, const Value::Node& node, Kind kind) {
  if (node.kind != kind)
    value.fail("YAML-TYPE", fmt::format("{} {}, found {}", subject(node), describe(kind), describe(node.kind)));
}

}  // namespace

Place Value::place() const { return {*node_->path, node_->line, node_->column}; }
bool Value::is_map() const { return node_->kind == Kind::map; }
bool Value::is_list() const { return node_->kind == Kind::list; }
bool Value::is_scalar() const { return node_->kind == Kind::scalar; }
bool Value::is_null() const { return node_->kind == Kind::null; }
bool Value::quoted() const { return node_->quoted; }

void Value::fail(std::string_view code, std::string_view message) const {
  throw Error(ExitCode::bad_input, code, place(), message);
}

std::vector<std::string> Value::keys() const {
  require(*this, *node_, Kind::map);
  std::vector<std::string> keys;
  for (const Entry& entry : node_->entries) keys.push_back(entry.key);
  return keys;
}

void Value::allow_keys(const std::vector<std::string>& allowed) const {
  require(*this, *node_, Kind::map);
  for (const Entry& entry : node_->entries)
    if (std::find(allowed.begin(), allowed.end(), entry.key) == allowed.end())
      throw Error(
          ExitCode::bad_input, "YAML-KEY", key_place(entry.key),
          fmt::format("key '{}' is not known here{}", printable(entry.key, 60), suggestion(entry.key, allowed)));
}

bool Value::has(std::string_view key) const { return is_map() && node_->index.find(key) != node_->index.end(); }

std::optional<Value> Value::find(std::string_view key) const {
  require(*this, *node_, Kind::map);
  const auto found = node_->index.find(key);
  if (found == node_->index.end()) return std::nullopt;
  return Value(node_->entries[found->second].value);
}

Value Value::at(std::string_view key) const {
  if (auto value = find(key)) return *value;
  fail("YAML-MISSING", fmt::format("key '{}' is missing here", key));
}

Place Value::key_place(std::string_view key) const {
  const auto found = node_->index.find(key);
  if (found == node_->index.end()) return place();
  const Entry& entry = node_->entries[found->second];
  return {*node_->path, entry.line, entry.column};
}

std::vector<Value> Value::items() const {
  require(*this, *node_, Kind::list);
  std::vector<Value> items;
  for (const auto& item : node_->items) items.emplace_back(item);
  return items;
}

std::string Value::scalar_text() const {
  require(*this, *node_, Kind::scalar);
  return node_->text;
}

std::string Value::text() const {
  std::string text = scalar_text();
  if (!node_->quoted && (reads_as_number(text) || reads_as_boolean_or_null(text)))
    fail("YAML-TEXT", fmt::format("{} text, but YAML reads {} otherwise; put it in quotes: \"{}\"", subject(*node_),
                                  printable(text, 60), printable(text, 60)));
  return text;
}

std::size_t Value::choice(const std::vector<std::string>& allowed) const {
  const std::string text = scalar_text();
  const auto found = std::find(allowed.begin(), allowed.end(), text);
  if (found == allowed.end())
    fail("YAML-VALUE",
         fmt::format("{} '{}' is not known{}", node_->label, printable(text, 60), suggestion(text, allowed)));
  return static_cast<std::size_t>(found - allowed.begin());
}

bool Value::boolean() const {
  const std::string text = is_scalar() && !node_->quoted ? node_->text : "";
  if (text == "true") return true;
  if (text == "false") return false;
  fail("YAML-BOOLEAN",
       fmt::format("{} true or false, found {}", subject(*node_),
                   is_scalar() ? fmt::format("'{}'", printable(node_->text, 60)) : std::string(describe(node_->kind))));
}

}  // namespace dse::yaml
