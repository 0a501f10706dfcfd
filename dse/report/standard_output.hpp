// Standard output as a stream that tells a full disk from a reader that has had enough.
#pragma once

#include <array>
#include <ostream>
#include <streambuf>

namespace dse {

// Writes to descriptor 1. A failed write makes the stream fail, except EPIPE: after that everything is dropped without
// a word, because `dse front runs.db | head -1` is no failure.
class StandardOutput : public std::ostream {
 public:
  StandardOutput() : std::ostream(nullptr) { rdbuf(&buffer_); }

 private:
  class Buffer : public std::streambuf {
   public:
    Buffer() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }

   protected:
    int_type overflow(int_type character) override;
    int sync() override;

   private:
    std::array<char, 1 << 16> bytes_;
    bool reader_gone_ = false;
  };
  Buffer buffer_;
};

}  // namespace dse
