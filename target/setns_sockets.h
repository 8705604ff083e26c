// NamespaceSockets by a helper process of ours that joins the namespace with setns.
//
// Works as root for every local container, and without root where the container's user namespace is
// ours. The pool survives the helper's death (it is started again with growing pauses); it is
// emptied by close(), at once and for good, when the container ends.
//
// Thread rule: made, started and destroyed on the loop's thread; take() and give_back() from any.
// SPEC.md "Namespace sockets".
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "base/result.h"
#include "target/init_process.h"
#include "target/namespace_sockets.h"

namespace fairlead::target {

class SetnsSockets : public NamespaceSockets {
 public:
  struct Options {
    // argv of the helper process; its descriptor 3 is the channel.
    std::vector<std::string> helper_argv;
    std::size_t idle_pool = 16;      // sockets of each kind kept while nothing happens
    std::size_t largest_pool = 512;  // sockets of one kind kept under load
  };
  using Done = std::function<void(base::Result<void>)>;
  using OpenDone = std::function<void(base::Result<base::UniqueFd>)>;

  // `init` must outlive this object.
  SetnsSockets(boost::asio::io_context& loop, const InitProcess& init, Options options);
  ~SetnsSockets() override;

  // Calls `done` once: joined and the first sockets are here, or why not (EPERM: not permitted to
  // join). After success a helper that dies is replaced silently.
  void start(Done done);
  // One socket of a kind that is not pooled; `done` is called on the loop's thread, once the
  // namespace has been joined or joining has failed for good; never if close() comes first.
  void open_one(SocketKind kind, OpenDone done);
  // Drops the helper and every pooled socket. take() gives nothing from now on.
  void close();
  // Called on the loop's thread after sockets have arrived.
  void on_refilled(std::function<void()> listener);

  // Cookie of the namespace; 0 before start has succeeded or on kernels without.
  std::uint64_t cookie() const;
  std::int64_t helper_pid() const;  // 0 = none
  std::size_t pooled() const;

  base::UniqueFd take(SocketKind kind) override;
  void give_back(SocketKind kind, base::UniqueFd socket) override;
  bool supports(SocketKind kind) const override;
  void relieve() override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fairlead::target
