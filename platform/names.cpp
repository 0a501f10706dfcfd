#include "platform/names.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace dse {
namespace {

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool alphanumeric(char c) { return lower(c) || (c >= 'A' && c <= 'Z') || digit(c); }

bool good_label(std::string_view label) {
  const bool characters = std::all_of(label.begin(), label.end(), [](char c) { return alphanumeric(c) || c == '-'; });
  return !label.empty() && label.size() <= 63 && characters && label.front() != '-' && label.back() != '-';
}

bool good_labels(std::string_view host) {
  for (;;) {
    const std::size_t dot = host.find('.');
    if (!good_label(host.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string host_fault(std::string_view host) {
  if (host.empty()) return "a host must not be empty; write a host name, an IPv4 address or localhost";
  if (host.size() > 253) return "a host has at most 253 characters";
  if (host == "127.0.0.1" || host == "::1" || host == "localhost.localdomain")
    return "write 'localhost' for this machine";
  if (host.find(':') != std::string_view::npos)
    return "a host must hold no colon; ports belong into ~/.ssh/config, IPv6 addresses behind a host name";
  if (!good_labels(host))
    return "a host holds letters, digits, '-' and '.' and begins and ends with a letter or a digit";
  const bool numeric = std::all_of(host.begin(), host.end(), [](char c) { return digit(c) || c == '.'; });
  in_addr address{};
  if (numeric && inet_pton(AF_INET, std::string(host).c_str(), &address) != 1)
    return "this is no IPv4 address; write four numbers from 0 to 255";
  return "";
}

std::string user_fault(std::string_view user) {
  const bool characters =
      std::all_of(user.begin(), user.end(), [](char c) { return lower(c) || digit(c) || c == '_' || c == '-'; });
  if (!user.empty() && user.size() <= 32 && characters && (lower(user.front()) || user.front() == '_')) return "";
  return "a user begins with a lower-case letter or '_' and holds at most 32 of a-z, 0-9, '_' and '-'";
}

std::string name_fault(std::string_view name) {
  const bool characters =
      std::all_of(name.begin(), name.end(), [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
  if (!name.empty() && name.size() <= 63 && characters && (alphanumeric(name.front()) || name.front() == '_'))
    return "";
  return "a name begins with a letter, a digit or '_' and holds at most 63 of A-Z, a-z, 0-9, '_', '.' and '-'";
}

}  // namespace dse
