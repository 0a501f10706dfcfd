// YAML text to a checked tree. yaml-cpp's own Node drops anchors, keeps duplicate keys and lets aliases make cyclic
// graphs, so the tree is built here from its parser's events, and every limit is enforced while the events come.
#include "platform/yaml_door.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "base/suggest.hpp"
#include "platform/yaml_node.hpp"

namespace dse::yaml {
namespace {

constexpr std::size_t max_depth = 32;
constexpr std::size_t max_nodes = 200'000;
constexpr std::size_t max_bytes = 16u << 20;
// yaml-cpp holds every token of a flow collection until it closes (about 160 bytes each) before the first event comes,
// so what could be tokens is bounded before it sees the text. Marks inside scalars count as well, hence more generous
// than the other limits.
constexpr std::size_t max_marks = 1'500'000;
constexpr int max_open_brackets = 1000;

[[noreturn]] void refuse(std::string_view code, Place place, std::string_view message) {
  throw Error(ExitCode::bad_input, code, std::move(place), message);
}

// Length of the valid UTF-8 sequence at text[i], 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k)
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  const unsigned char second = length > 1 ? byte(i + 1) : 0;
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool beyond = (lead == 0xed && second >= 0xa0) || (lead == 0xf4 && second >= 0x90);
  return overlong || beyond ? 0 : length;
}

void check_encoding_mark(std::string_view text, const std::string& path) {
  const std::string_view head = text.substr(0, 4);
  if (head.starts_with("\xfe\xff") || head.starts_with("\xff\xfe") || head == std::string_view("\0\0\xfe\xff", 4))
    refuse("YAML-ENCODING", {path, 1, 1}, "the file is UTF-16 or UTF-32; save it as UTF-8");
}

// Punctuation that may be a token, and brackets that are open, whatever stands around them.
class TokenBudget {
 public:
  template <typename Where>
  void count(char c, Where&& place) {
    static constexpr std::string_view marks = "[]{},:?&*!\"'";
    if (marks.find(c) == std::string_view::npos) return;
    if (++marks_ > max_marks)
      refuse("YAML-NODES", place(), fmt::format("more than {} punctuation marks; split the file", max_marks));
    if (c == '[' || c == '{') ++open_;
    if ((c == ']' || c == '}') && open_ > 0) --open_;
    if (open_ > max_open_brackets)
      refuse("YAML-DEPTH", place(), fmt::format("more than {} brackets are open", max_open_brackets));
  }

 private:
  std::size_t marks_ = 0;
  int open_ = 0;
};

// Everything that is wrong with single bytes: NUL and other control characters, invalid UTF-8, tabs that indent.
void check_bytes(std::string_view text, const std::string& path) {
  int line = 1, column = 1;
  bool indent = true;
  TokenBudget budget;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto here = [&] { return Place{path, line, column}; };
    if (byte == 0) refuse("YAML-NUL", here(), "the file holds a NUL byte; YAML is text in UTF-8");
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
      refuse("YAML-CONTROL", here(),
             fmt::format("control character 0x{:02x}; write it as \\x{:02x} inside double quotes", byte, byte));
    const std::size_t length = utf8_length(text, i);
    if (length == 0)
      refuse("YAML-ENCODING", here(), fmt::format("byte 0x{:02x} is not UTF-8; save the file as UTF-8", byte));
    if (byte == '\t' && indent) refuse("YAML-TAB", here(), "a tab in the indentation; YAML indents with spaces");
    budget.count(text[i], here);
    indent = byte == '\n' || (indent && byte == ' ');
    column = byte == '\n' ? 1 : column + static_cast<int>(length);
    line += byte == '\n';
    i += length;
  }
}

// Builds the tree while yaml-cpp reads; throws at the first event that breaks a rule.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, const std::string& path)
      : text_(text), path_(std::make_shared<const std::string>(path)) {}

  std::shared_ptr<const Value::Node> root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_alias(mark); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_alias(mark); }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(make(mark, Kind::null, "?", anchor)); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    auto node = make(mark, Kind::scalar, tag, anchor);
    node->text = text;
    node->quoted = tag == "!";
    if (node->quoted) check_closed(mark);
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(make(mark, Kind::list, tag, anchor));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(make(mark, Kind::map, tag, anchor));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    std::shared_ptr<Value::Node> node;
    bool has_key = false;
    Entry entry;  // the key that waits for its value
  };

  Place place(const YAML::Mark& mark) const { return {*path_, mark.line + 1, mark.column + 1}; }

  [[noreturn]] void refuse_alias(const YAML::Mark& mark) const {
    refuse("YAML-ALIAS", place(mark), "anchors and aliases (&, *) are not allowed; write the value out");
  }

  // yaml-cpp 0.7 takes a quote that is closed nowhere for closed where the file ends in a line break, and gives '!
  // plain' the tag of quoted text.
  void check_closed(const YAML::Mark& mark) const {
    std::size_t i = static_cast<std::size_t>(mark.pos);
    const char quote = i < text_.size() ? text_[i] : '\0';
    if (quote == '|' || quote == '>') return;  // a block scalar ends where its indentation does
    if (quote != '"' && quote != '\'')
      refuse("YAML-TAG", place(mark), "tags (!) are not allowed; write the plain value");
    for (++i; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || i + 1 >= text_.size() || text_[i + 1] != quote) return;
        ++i;
      }
    }
    refuse("YAML-SYNTAX", place(mark), "not YAML: this quote is not closed");
  }

  std::shared_ptr<Value::Node> make(const YAML::Mark& mark, Kind kind, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) refuse_alias(mark);
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse("YAML-TAG", place(mark),
             fmt::format("tag '{}' is not allowed; write the plain value", printable(tag, 60)));
    if (++nodes_ > max_nodes)
      refuse("YAML-NODES", place(mark), fmt::format("more than {} values; split the file", max_nodes));
    auto node = std::make_shared<Value::Node>();
    node->kind = kind;
    node->path = path_;
    node->line = mark.line + 1;
    node->column = mark.column + 1;
    if (!stack_.empty()) node->label = stack_.back().has_key ? stack_.back().entry.key : stack_.back().node->label;
    return node;
  }

  void open(std::shared_ptr<Value::Node> node) {
    const Place here{*path_, node->line, node->column};
    if (stack_.size() >= max_depth) refuse("YAML-DEPTH", here, fmt::format("nested deeper than {} levels", max_depth));
    if (waits_for_key()) refuse("YAML-KEY", here, "a key must be a word, not a list or a map");
    stack_.push_back({std::move(node), false, {}});
  }

  void close() {
    auto node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }

  bool waits_for_key() const {
    return !stack_.empty() && stack_.back().node->kind == Kind::map && !stack_.back().has_key;
  }

  void add(std::shared_ptr<Value::Node> node) {
    if (stack_.empty()) {
      root_ = std::move(node);
    } else if (stack_.back().node->kind == Kind::list) {
      stack_.back().node->items.push_back(std::move(node));
    } else if (waits_for_key()) {
      add_key(*node);
    } else {
      add_value(std::move(node));
    }
  }

  void add_key(const Value::Node& key) {
    Open& top = stack_.back();
    const Place here{*path_, key.line, key.column};
    if (key.kind != Kind::scalar) refuse("YAML-KEY", here, "a key must be a word");
    if (const auto known = top.node->index.find(key.text); known != top.node->index.end())
      refuse("YAML-DUPLICATE", here,
             fmt::format("key '{}' stands here twice, first in line {}; keep one", printable(key.text, 60),
                         top.node->entries[known->second].line));
    top.has_key = true;
    top.entry = {key.text, key.line, key.column, nullptr};
  }

  void add_value(std::shared_ptr<Value::Node> node) {
    Open& top = stack_.back();
    if (node->kind == Kind::null) {  // yaml-cpp marks a missing value at the token after it
      node->line = top.entry.line;
      node->column = top.entry.column;
    }
    top.entry.value = std::move(node);
    top.node->index.emplace(top.entry.key, top.node->entries.size());
    top.node->entries.push_back(std::move(top.entry));
    top.has_key = false;
  }

  std::string_view text_;
  std::shared_ptr<const std::string> path_;
  std::shared_ptr<const Value::Node> root_;
  std::vector<Open> stack_;
  std::size_t nodes_ = 0;
};

}  // namespace

Value parse(const std::string& whole, const std::string& path) {
  const std::string text = whole.starts_with("\xef\xbb\xbf") ? whole.substr(3) : whole;
  if (text.size() > max_bytes)
    refuse("YAML-SIZE", {path, 0, 0}, fmt::format("{} bytes; a file of ours has at most {}", text.size(), max_bytes));
  check_encoding_mark(text, path);
  check_bytes(text, path);
  Builder builder(text, path);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    const auto root = builder.root();
    if (!root || root->kind == Kind::null)
      refuse("YAML-EMPTY", {path, 1, 1}, "the file is empty; it must start with a line such as 'dse: platform/1'");
    Builder second(text, path);
    if (parser.HandleNextDocument(second)) {
      const auto next = second.root();
      refuse("YAML-DOCUMENTS", {path, next ? next->line : 0, next ? next->column : 0},
             "more follows after the end of the document; a file holds one document");
    }
    return Value(root);
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    refuse("YAML-SYNTAX", {path, known ? error.mark.line + 1 : 0, known ? error.mark.column + 1 : 0},
           fmt::format("not YAML: {}", printable(error.msg)));
  }
}

Value parse_format(const std::string& text, const std::string& path, std::string_view format, int version) {
  Value root = parse(text, path);
  const std::string expected = fmt::format("{}/{}", format, version);
  if (!root.is_map())
    root.fail("YAML-FORMAT", fmt::format("the file must be a map that starts with 'dse: {}'", expected));
  const auto line = root.find("dse");
  if (!line) root.fail("YAML-FORMAT", fmt::format("the line 'dse: {}' is missing", expected));
  const std::string found = line->scalar_text();
  if (found == expected) return root;
  if (found.starts_with(std::string(format) + "/"))
    line->fail("YAML-VERSION", fmt::format("'{}' is another version of the format; this program reads '{}'",
                                           printable(found, 60), expected));
  line->fail("YAML-FORMAT", fmt::format("this file says '{}', expected 'dse: {}'", printable(found, 60), expected));
}

std::string quote(std::string_view text) {
  const auto safe_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '/' ||
           c == '.' || c == '-';
  };
  const bool word = !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), safe_char);
  if (word && !reads_as_number(text) && !reads_as_boolean_or_null(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string shortest(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end.ptr);
}

}  // namespace dse::yaml
