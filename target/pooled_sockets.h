// NamespaceSockets from a process in the namespace, kept ahead of demand.
//
// The pool survives the process' death (it is started again with growing pauses); it is emptied by
// close(), at once and for good, when the container ends. Sockets of a process that is not ours are
// looked at before they count (target/foreign_socket.h).
//
// Thread rule: made, started and destroyed on the loop's thread; take() and give_back() from any.
// SPEC.md "Namespace sockets".
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "base/result.h"
#include "target/init_process.h"
#include "target/namespace_sockets.h"
#include "target/socket_source.h"

namespace fairlead::target {

class PooledSockets : public NamespaceSockets {
 public:
  struct Sizes {
    std::size_t idle_pool = 16;      // sockets of each kind kept while nothing happens
    std::size_t largest_pool = 512;  // sockets of one kind kept under load
  };
  // With a process that is not ours.
  struct Patience {
    std::chrono::milliseconds answer = std::chrono::seconds(5);  // for what has been asked
    // Gone, or never good for so long, for so long: given up.
    std::chrono::milliseconds replace = std::chrono::seconds(10);
  };
  using Done = std::function<void(base::Result<void>)>;
  using OpenDone = std::function<void(base::Result<base::UniqueFd>)>;

  // `init` must outlive this object.
  PooledSockets(boost::asio::io_context& loop, const InitProcess& init,
                std::unique_ptr<SocketSource> source, Sizes sizes, Patience patience);
  ~PooledSockets() override;

  // Calls `done` once: joined and the first sockets are here, or why not (EPERM: not permitted to
  // join). After success a process that dies is replaced silently.
  void start(Done done);
  // One socket of a kind that is not pooled; `done` is called on the loop's thread, once the
  // namespace has been joined or joining has failed for good; never if close() comes first.
  void open_one(SocketKind kind, OpenDone done);
  // Drops the process and every pooled socket. take() gives nothing from now on.
  void close();
  // Called on the loop's thread after sockets have arrived.
  void on_refilled(std::function<void()> listener);
  // Called once, on the loop's thread, when a process that is not ours has been given up, and why.
  void on_lost(std::function<void(const base::Error&)> listener);
  // A message of the source's own. False: not now.
  bool send(const void* data, std::size_t size);

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
