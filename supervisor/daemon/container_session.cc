#include "supervisor/daemon/container_session.h"

#include <cerrno>

#include "supervisor/daemon/exec_session.h"
#include "supervisor/daemon/visible_session.h"

namespace fairlead::daemon {

base::Result<std::shared_ptr<ContainerSession>> ContainerSession::open(
    boost::asio::io_context& loop, const target::Target& container) {
  auto init = target::InitProcess::open(container.init_pid);
  // A number is not yet a process, and a process not yet the container's.
  if (init && (container.cgroup_mark.empty() || init->has_cgroup_mark(container.cgroup_mark))) {
    return make_visible_session(loop, std::move(*init), container);
  }
  if (!container.exec_prefix.empty()) return make_exec_session(loop, container.exec_prefix);
  if (!init) return init.error();
  return base::errno_error(ESRCH, "the container's init process");
}

}  // namespace fairlead::daemon
