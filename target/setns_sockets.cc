#include "target/setns_sockets.h"

#include <optional>

#include "base/child_process.h"
#include "base/net.h"
#include "target/socket_helper.h"

namespace fairlead::target {
namespace {

class SetnsSource : public SocketSource {
 public:
  SetnsSource(const InitProcess& init, std::vector<std::string> argv)
      : init_(init), argv_(std::move(argv)) {}

  void open(Opened opened) override { opened(launch()); }

  void drop() override {
    if (!helper_) return;
    helper_->kill();
    helper_->wait();  // it was killed: this is a matter of microseconds
    helper_.reset();
  }

  std::int64_t pid() const override { return helper_ ? helper_->pid() : 0; }
  bool trusted() const override { return true; }
  bool take_message(const void*, std::size_t) override { return false; }

 private:
  base::Result<base::UniqueFd> launch() {
    auto pair = base::make_packet_pair();
    if (!pair) return pair.error();
    base::SpawnOptions options;
    options.argv = argv_;
    options.extra_fd = pair->second.get();
    options.die_with_parent = true;
    auto child = base::spawn(options);
    if (!child) return child.error();
    helper_ = std::move(*child);
    const JoinRequest join{init_.has_own_user_namespace() ? 1U : 0U};
    const int pidfd = init_.pidfd().get();
    const auto sent = base::send_descriptors(pair->first.get(), &join, sizeof join, &pidfd, 1);
    if (!sent) return sent.error();
    return std::move(pair->first);
  }

  const InitProcess& init_;
  const std::vector<std::string> argv_;
  std::optional<base::ChildProcess> helper_;
};

}  // namespace

SetnsSockets::SetnsSockets(boost::asio::io_context& loop, const InitProcess& init, Options options)
    : PooledSockets(loop, init, std::make_unique<SetnsSource>(init, std::move(options.helper_argv)),
                    {options.idle_pool, options.largest_pool}, {}) {}

}  // namespace fairlead::target
