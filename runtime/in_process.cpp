#include "runtime/in_process.hpp"

#include <fmt/format.h>

#include <cstring>
#include <deque>
#include <map>
#include <tuple>

#include "base/error.hpp"

namespace dse::runtime {
namespace {

struct PendingSend {
  std::span<const std::byte> message;
  Token token = 0;
};
struct PendingReceive {
  std::span<std::byte> target;
  Token token = 0;
};
// Of one (from, to, tag), in the order they were posted; at most one of the two is not empty.
struct Channel {
  std::deque<PendingSend> sends;
  std::deque<PendingReceive> receives;
};

}  // namespace

struct InProcessHub::State {
  explicit State(std::size_t devices) : queues(devices) {}

  std::mutex mutex;
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, Channel> channels;
  std::vector<CompletionQueue> queues;

  void fail(const std::exception_ptr& reason) {
    for (CompletionQueue& queue : queues) queue.fail(reason);
  }

  void deliver(std::size_t from, const PendingSend& send, std::size_t to, const PendingReceive& receive,
               std::size_t tag) {
    if (send.message.size() != receive.target.size())
      return fail(std::make_exception_ptr(
          Error(ExitCode::device, "TRANSPORT-SIZE",
                fmt::format("the message of transfer {} from device {} to {} has {} bytes, {} were expected", tag, from,
                            to, send.message.size(), receive.target.size()))));
    if (!send.message.empty()) std::memcpy(receive.target.data(), send.message.data(), send.message.size());
    queues[to].push(receive.token);
    queues[from].push(send.token);
  }
};

class InProcessHub::End : public Transport {
 public:
  End(std::shared_ptr<State> state, std::size_t device) : state_(std::move(state)), device_(device) {}

  std::size_t device() const override { return device_; }

  void post_send(std::size_t peer, std::size_t tag, std::span<const std::byte> message, Token token) override {
    const std::scoped_lock lock(state_->mutex);
    Channel& channel = state_->channels[{device_, peer, tag}];
    const PendingSend send{message, token};
    if (channel.receives.empty()) return channel.sends.push_back(send);
    state_->deliver(device_, send, peer, channel.receives.front(), tag);
    channel.receives.pop_front();
  }

  void post_receive(std::size_t peer, std::size_t tag, std::span<std::byte> target, Token token) override {
    const std::scoped_lock lock(state_->mutex);
    Channel& channel = state_->channels[{peer, device_, tag}];
    const PendingReceive receive{target, token};
    if (channel.sends.empty()) return channel.receives.push_back(receive);
    state_->deliver(peer, channel.sends.front(), device_, receive, tag);
    channel.sends.pop_front();
  }

  bool wait(std::vector<Token>& finished, Clock::time_point until) override {
    return state_->queues[device_].wait(finished, until);
  }

  // The peers' memory may be gone once their threads have returned: nothing is matched after a failure.
  void abort(std::exception_ptr reason) override {
    const std::scoped_lock lock(state_->mutex);
    state_->channels.clear();
    state_->fail(reason);
  }

 private:
  std::shared_ptr<State> state_;
  std::size_t device_;
};

InProcessHub::InProcessHub(std::size_t devices) : state_(std::make_shared<State>(devices)) {
  for (std::size_t device = 0; device < devices; ++device) ends_.push_back(std::make_unique<End>(state_, device));
}

InProcessHub::~InProcessHub() = default;

Transport& InProcessHub::end(std::size_t device) { return *ends_.at(device); }

}  // namespace dse::runtime
