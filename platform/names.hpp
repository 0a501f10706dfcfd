// The grammar of names that become words of a command line, a hostfile or a file name. Anything else is refused at the
// door, so that no host can be an option ("-oProxyCommand=..."), two hosts ("a,b"), a slot count ("node:4") or a
// relative node ("+n0").
#pragma once

#include <string>
#include <string_view>

namespace dse {

// Each returns "" for a good name, else what is wrong and what would be right.
std::string host_fault(
    std::string_view host);  // "localhost", a host name of letters, digits, '-', '.', or an IPv4 address
std::string user_fault(std::string_view user);  // ^[a-z_][a-z0-9_-]{0,31}$
std::string name_fault(std::string_view name);  // devices, networks, platforms: ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$

}  // namespace dse
