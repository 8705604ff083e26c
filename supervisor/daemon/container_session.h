// One run of the container, from the moment we found it until its init process ends: the pictures
// of its listeners and the ways in for relays. There are two of them: one for a container whose
// init process this machine shows (visible_session.h), one for a container that can be reached by
// its engine's exec alone (exec_session.h).
//
// Everything in here belongs to exactly this run and goes at once when it ends, before anything
// else is told: sockets of a dead namespace look healthy. SPEC.md "Supervisor". Thread rule: the
// loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/private_directory.h"
#include "detect/listener.h"
#include "detect/owner_process.h"
#include "relay/dialer.h"
#include "supervisor/daemon/kernel_forwards.h"
#include "supervisor/daemon/relay_selector.h"
#include "target/target.h"

namespace fairlead::daemon {

struct SessionHandlers {
  // Once: the first complete picture is there (on_picture came before), or there will be none and
  // capabilities() or uses_host_network() says why.
  std::function<void()> on_ready;
  // The settled picture has changed.
  std::function<void(const std::vector<detect::Listener>&)> on_picture;
  // The init process has ended; nothing comes after this.
  std::function<void()> on_ended;
  std::function<void(const std::string&)> log;
  std::function<void(const std::string&)> warn;  // to be told to people
};

class ContainerSession : public std::enable_shared_from_this<ContainerSession> {
 public:
  // By what this machine shows of the container's init process. ESRCH: nothing, and its engine
  // offers no exec either.
  static base::Result<std::shared_ptr<ContainerSession>> open(boost::asio::io_context& loop,
                                                              const target::Target& container,
                                                              const base::PrivateDirectory& state);
  virtual ~ContainerSession() = default;

  virtual void start(SessionHandlers handlers) = 0;
  // Drops everything; no handler is called any more.
  virtual void close() = 0;
  // Looks now, whatever the schedule says.
  virtual void scan_now() = 0;
  // Ways that were closed for a trouble may be open by now; the caller then chooses anew. The
  // addresses are the container's own, as its engine says now.
  virtual void look_again(const std::vector<base::IpAddress>& addresses) = 0;
  // Others may listen in this namespace whose CPU time is not the container's own: scan at each
  // tick.
  virtual void set_shared(bool shared) = 0;
  // The agent may run in a container of its own beside this one. Before start() or at any time.
  virtual void allow_side_container() = 0;

  // Whether on_ended comes by itself; otherwise only the engine can tell.
  virtual bool sees_its_end() const = 0;
  virtual bool uses_host_network() const = 0;
  // The ways in for relays, and why not the others; the addresses are the caller's to fill in.
  virtual Capabilities capabilities() const = 0;
  // Finds out what way `agent` or `exec` is; it costs a process here and one in the container.
  // `done` is not called after close().
  virtual void look_for(RelayKind kind, std::function<void()> done) = 0;
  // Of a way that is open.
  virtual std::shared_ptr<relay::Dialer> dialer(RelayKind kind) const = 0;
  // Host ports that the kernel serves by itself, while way `nat` is open.
  virtual KernelForwards* kernel_forwards() = 0;
  // Proves that an address is the container's at this moment.
  virtual base::Result<void> confirm_address(const base::IpAddress& address) const = 0;
  virtual std::uint64_t namespace_cookie() const = 0;
  // Who holds these sockets, by somebody in the container. False: nobody there can tell, `found` is
  // not called. As soon as more is known, later; not after close(). `complete`: nobody there can
  // see whoever is missing; otherwise it may be asked again.
  virtual bool tells_owners() const = 0;  // whether find_owners() would be true
  using OwnersFound =
      std::function<void(std::map<std::uint64_t, detect::OwnerProcess>, bool complete)>;
  virtual bool find_owners(const std::set<std::uint64_t>& inodes, OwnersFound found) = 0;
  // The addresses that the container itself would dial for a host name, IPv6 first. ENOENT: there
  // is no such name. `done` is not called after close().
  using ResolveDone = std::function<void(base::Result<std::vector<base::IpAddress>>)>;
  virtual void resolve(const std::string& host, ResolveDone done) = 0;
};

// What is to be told of a session that is ready, and holds as long as the container runs as it
// does.
std::vector<std::string> session_conditions(const ContainerSession& session,
                                            const std::string& container_name);

}  // namespace fairlead::daemon
