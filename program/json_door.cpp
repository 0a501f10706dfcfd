#include "program/json_door.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/suggest.hpp"

namespace dse::program {
namespace {

using nlohmann::json;

// nlohmann's parser takes any depth and lets the last of two equal keys win; this refuses both while the text is read.
class Watch {
 public:
  Watch(const std::string& path, std::string_view code, int depth) : path_(path), code_(code), deepest_(depth) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    if (depth > deepest_)
      throw Error(ExitCode::bad_input, code_, {path_}, fmt::format("is nested deeper than {}", deepest_));
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end) keys_.pop_back();
    if (event == json::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second)
      throw Error(ExitCode::bad_input, code_, {path_},
                  "key '" + printable(parsed.get<std::string>(), 80) + "' is given twice");
    return true;
  }

 private:
  const std::string& path_;
  std::string_view code_;
  int deepest_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

json parse_json(const std::string& text, const std::string& path, std::string_view code, const JsonLimits& limits) {
  if (text.size() > limits.bytes)
    throw Error(ExitCode::bad_input, code, {path},
                fmt::format("holds {} bytes, more than the limit of {}", text.size(), limits.bytes));
  try {
    return json::parse(text, Watch(path, code, limits.depth));
  } catch (const json::exception& cause) {
    throw Error(ExitCode::bad_input, code, {path}, "is not JSON: " + printable(cause.what()));
  }
}

void JsonNode::fail(const std::string& message) const {
  throw Error(ExitCode::bad_input, code_, {*path_},
              (where_.empty() ? "the document" : "'" + where_ + "'") + " " + message);
}

void JsonNode::expect_keys(std::initializer_list<std::string_view> allowed) const {
  if (!value_->is_object()) fail("must be an object");
  for (const auto& member : value_->items()) {
    if (std::find(allowed.begin(), allowed.end(), member.key()) != allowed.end()) continue;
    const std::vector<std::string> words(allowed.begin(), allowed.end());
    fail("has the unknown key '" + printable(member.key(), 80) + "'" + suggestion(member.key(), words));
  }
}

bool JsonNode::has(std::string_view key) const { return value_->is_object() && value_->contains(key); }

JsonNode JsonNode::at(std::string_view key) const {
  if (!value_->is_object()) fail("must be an object");
  const auto found = value_->find(key);
  if (found == value_->end()) fail("lacks the key '" + std::string(key) + "'");
  return {*found, *this, where_.empty() ? std::string(key) : where_ + "." + std::string(key)};
}

std::vector<JsonNode> JsonNode::items() const {
  if (!value_->is_array()) fail("must be an array");
  std::vector<JsonNode> result;
  result.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i)
    result.push_back({(*value_)[i], *this, fmt::format("{}[{}]", where_, i)});
  return result;
}

std::vector<std::pair<std::string, JsonNode>> JsonNode::members() const {
  if (!value_->is_object()) fail("must be an object");
  std::vector<std::pair<std::string, JsonNode>> result;
  for (const auto& member : value_->items())
    result.emplace_back(member.key(), JsonNode(member.value(), *this, where_ + "." + printable(member.key(), 80)));
  return result;
}

std::int64_t JsonNode::integer(std::int64_t lowest, std::int64_t highest) const {
  const bool fits =
      value_->is_number_integer() &&
      (!value_->is_number_unsigned() || value_->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  const std::int64_t result = fits ? value_->get<std::int64_t>() : 0;
  if (!fits || result < lowest || result > highest)
    fail(fmt::format("must be an integer from {} to {}", lowest, highest));
  return result;
}

std::size_t JsonNode::index(std::size_t end) const {
  if (end == 0) fail("names an entry of an empty list");
  return static_cast<std::size_t>(integer(0, static_cast<std::int64_t>(end) - 1));
}

double JsonNode::number(double lowest, double highest) const {
  const double result = value_->is_number() ? value_->get<double>() : std::nan("");
  if (!std::isfinite(result) || result < lowest || result > highest)
    fail(fmt::format("must be a number from {} to {}", lowest, highest));
  return result;
}

std::string JsonNode::text(std::size_t longest) const {
  if (!value_->is_string()) fail("must be a string");
  const auto& result = value_->get_ref<const std::string&>();
  if (result.size() > longest) fail(fmt::format("is longer than {} bytes", longest));
  return result;
}

std::vector<std::string> JsonNode::texts() const {
  std::vector<std::string> result;
  for (const JsonNode& item : items()) result.push_back(item.text());
  return result;
}

std::vector<std::int64_t> JsonNode::integers(std::int64_t lowest, std::int64_t highest) const {
  std::vector<std::int64_t> result;
  for (const JsonNode& item : items()) result.push_back(item.integer(lowest, highest));
  return result;
}

std::vector<std::size_t> JsonNode::indices(std::size_t end) const {
  std::vector<std::size_t> result;
  for (const JsonNode& item : items()) result.push_back(item.index(end));
  return result;
}

std::string dump_json(const nlohmann::ordered_json& document, int indent) {
  return document.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace dse::program
