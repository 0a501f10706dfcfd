#include "dse/report/standard_output.hpp"

#include <unistd.h>

#include <cerrno>

namespace dse {

int StandardOutput::Buffer::sync() {
  const char* next = pbase();
  while (next < pptr() && !reader_gone_) {
    const ssize_t written = ::write(STDOUT_FILENO, next, static_cast<std::size_t>(pptr() - next));
    if (written >= 0) {
      next += written;
    } else if (errno == EPIPE) {
      reader_gone_ = true;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  setp(bytes_.data(), bytes_.data() + bytes_.size());
  return 0;
}

StandardOutput::Buffer::int_type StandardOutput::Buffer::overflow(int_type character) {
  if (sync() != 0) return traits_type::eof();
  if (!traits_type::eq_int_type(character, traits_type::eof())) {
    *pptr() = traits_type::to_char_type(character);
    pbump(1);
  }
  return traits_type::not_eof(character);
}

}  // namespace dse
