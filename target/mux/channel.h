// This end of a multiplexed connection to an agent: a thread that carries it, and what others may
// ask of it. SPEC.md "Mux". Thread rule: any thread, unless said otherwise; handlers are called on
// the channel's own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/task_queue.h"
#include "base/unique_fd.h"
#include "target/mux/carrier.h"
#include "target/mux/lifetime.h"
#include "target/stream_outcome.h"

namespace fairlead::target::mux {

class Channel : private CarrierOwner {
 public:
  struct Owner {
    std::int64_t pid = 0;      // as the container sees it
    std::string command_line;  // as in /proc/PID/cmdline; hostile
  };
  using Owners = std::map<std::uint64_t, Owner>;  // by the inode of the listening socket
  struct Handlers {
    std::function<void()> on_joined;  // the agent is there
    // What sock_diag answers in the container, datagrams one after the other; bounded, hostile. Or
    // why there is no such answer.
    std::function<void(base::Result<std::string>)> on_listeners;
    // To the questions of ask_owners(), in their order.
    std::function<void(Owners)> on_owners;
    // Once, the last call: every stream was reset.
    std::function<void(const std::string& why)> on_lost;
  };

  // `connection` has both directions, and has brought `first_bytes`; `nonce` is what the agent was
  // started with.
  static base::Result<std::unique_ptr<Channel>> create(base::UniqueFd connection,
                                                       std::unique_ptr<Unwrapper> unwrapper,
                                                       std::string first_bytes,
                                                       std::string_view nonce, Handlers handlers);
  // Ends the thread; no handler is called any more.
  ~Channel() override;

  // Dials `endpoint` in the container and joins it with `socket`, one end of a pair. That ends with
  // the stream; `outcome` says how, before.
  void open(const base::Endpoint& endpoint, base::UniqueFd socket,
            std::shared_ptr<StreamOutcome> outcome);
  // At most kMostAsked.
  void ask_owners(const std::vector<std::uint64_t>& inodes);
  static constexpr std::size_t kMostAsked = 64;

 private:
  Channel(std::string_view nonce, std::unique_ptr<Unwrapper> unwrapper, Handlers handlers);

  void on_open(StreamId stream, const base::Endpoint& endpoint) override;
  bool on_message(const FrameHeader& header, std::string_view payload) override;
  bool on_listeners(const FrameHeader& header, std::string_view payload);
  bool on_owner(const FrameHeader& header, std::string_view payload);
  int next_time(std::uint64_t now) override;
  void on_time(std::uint64_t now) override;
  void on_wakeup() override { tasks_.run(); }
  void run();

  Handlers handlers_;
  Carrier carrier_;
  Silence silence_;
  std::uint64_t last_ping_ = 0;
  bool joined_ = false;
  std::string listeners_;
  Owners owners_;
  int questions_ = 0;  // about owners, not answered yet

  base::TaskQueue tasks_;
  std::thread thread_;
};

}  // namespace fairlead::target::mux
