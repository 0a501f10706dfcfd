#include "runtime/transport.hpp"

namespace dse::runtime {

void CompletionQueue::push(Token token) {
  {
    const std::scoped_lock lock(mutex_);
    tokens_.push_back(token);
  }
  changed_.notify_one();
}

void CompletionQueue::fail(std::exception_ptr reason) {
  {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(reason);
  }
  changed_.notify_one();
}

bool CompletionQueue::wait(std::vector<Token>& finished, Clock::time_point until) {
  std::unique_lock lock(mutex_);
  const auto changed = [&] { return failure_ || !tokens_.empty(); };
  if (until != Clock::time_point{}) changed_.wait_until(lock, until, changed);
  if (failure_) std::rethrow_exception(failure_);
  const bool any = !tokens_.empty();
  finished.insert(finished.end(), tokens_.begin(), tokens_.end());
  tokens_.clear();
  return any;
}

}  // namespace dse::runtime
