#include "supervisor/daemon/container_session.h"

#include <cerrno>

#include "supervisor/daemon/exec_session.h"
#include "supervisor/daemon/visible_session.h"

namespace fairlead::daemon {

base::Result<std::shared_ptr<ContainerSession>> ContainerSession::open(
    boost::asio::io_context& loop, const target::Target& container,
    const base::PrivateDirectory& state) {
  auto init = target::InitProcess::open(container.init_pid);
  // A number is not yet a process, and a process not yet the container's.
  if (init && (container.cgroup_mark.empty() || init->has_cgroup_mark(container.cgroup_mark))) {
    return make_visible_session(loop, std::move(*init), container, state);
  }
  if (!container.exec_prefix.empty()) return make_exec_session(loop, container);
  if (!init) return init.error();
  return base::errno_error(ESRCH, "the container's init process");
}

std::vector<std::string> session_conditions(const ContainerSession& session,
                                            const std::string& container_name) {
  if (session.uses_host_network()) {
    return {"container " + container_name +
            " uses the host's own network: its ports are on the host already, nothing is "
            "forwarded"};
  }
  const Capabilities can = session.capabilities();
  const bool sockets = can.namespace_sockets.open() || can.agent.open();
  const bool streams =
      can.mux.state != WayIn::State::kClosed || can.exec.state != WayIn::State::kClosed;
  if (sockets || can.direct.open() || streams) return {};
  return {"cannot forward ports of container " + container_name + ": " +
          can.namespace_sockets.words + "; " + can.mux.words + "; " + can.exec.words};
}

}  // namespace fairlead::daemon
