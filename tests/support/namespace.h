// A container's stand-in: a process in a network (and user) namespace of its own, with the loopback
// up, that listens where the test says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "target/init_process.h"

namespace fairlead::testing {

struct ListenOptions {
  bool v6_only = false;     // for an IPv6 address
  bool reuse_port = false;  // SO_REUSEPORT
  bool mapped = false;      // an IPv4 address on an AF_INET6 socket
  bool hand_over = false;   // the listener's descriptor goes to the test as well
  bool keep_own = true;     // false: with hand_over, the process itself keeps none
};

struct RemoteListener {
  std::uint32_t id = 0;
  base::Endpoint endpoint;
  std::uint64_t inode = 0;
  base::UniqueFd descriptor;  // with hand_over
};

class Namespace {
 public:
  enum class Users { kOwn, kOurs };

  // EPERM, ENOSPC: namespaces cannot be had here. Fork rules apply: one thread only.
  static base::Result<Namespace> create(Users users = Users::kOwn);
  Namespace(Namespace&& other) noexcept;
  Namespace& operator=(Namespace&&) = delete;
  ~Namespace();

  std::int64_t pid() const { return pid_; }
  std::uint64_t cookie() const { return cookie_; }
  target::InitProcess init() const;

  // Port 0: the kernel chooses.
  base::Result<RemoteListener> listen(const base::Endpoint& endpoint, ListenOptions options = {});
  base::Result<void> close_listener(std::uint32_t id);
  // So many connections to that listener, accepted and closed at both ends; by RST if asked.
  base::Result<void> churn(std::uint32_t id, std::uint32_t count, bool reset);
  // Accepts one connection and echoes what comes until it ends. Returns at once.
  base::Result<void> echo_once(std::uint32_t id);

  // Kills the process and waits until it has ended. It stays a zombie until the object goes.
  void end();

 private:
  Namespace(std::int64_t pid, base::UniqueFd channel) : pid_(pid), channel_(std::move(channel)) {}
  struct Command;
  struct Reply;
  base::Result<Reply> ask(const Command& command, base::UniqueFd* received = nullptr);

  // In the process itself.
  static int serve(const base::UniqueFd& channel, Users users, std::int64_t outer_uid,
                   std::int64_t outer_gid);

  std::int64_t pid_;
  base::UniqueFd channel_;
  std::uint64_t cookie_ = 0;
};

}  // namespace fairlead::testing
