#include "supervisor/daemon/host_port_holder.h"

#include <unistd.h>

#include "detect/owner_process.h"
#include "detect/procfs_source.h"
#include "target/init_process.h"

namespace fairlead::daemon {

HostPortHolder find_host_port_holder(std::uint16_t host_port) {
  HostPortHolder holder;
  const auto self = target::InitProcess::open(getpid());
  if (!self) return holder;
  const auto source = detect::ProcfsSource::open(*self);
  const auto picture = source ? (*source)->scan() : base::Result<detect::Snapshot>(source.error());
  if (!picture) return holder;
  std::set<std::uint64_t> inodes;
  for (const detect::Listener& listener : picture->listeners) {
    if (listener.endpoint.port == host_port) inodes.insert(listener.inode);
  }
  if (inodes.empty()) return holder;
  holder.taken = true;
  const auto owners = detect::find_owners(inodes, getpid());
  if (owners.empty()) return holder;
  holder.pid = owners.begin()->second.pid;
  holder.command_line = owners.begin()->second.command_line;
  return holder;
}

std::string to_string(const HostPortHolder& holder) {
  if (!holder.taken) return {};
  if (!holder.other_container.empty()) {
    return "the forward of container " + holder.other_container;
  }
  if (holder.pid == 0) return "a process of another user";
  return "process " + std::to_string(holder.pid) +
         (holder.command_line.empty() ? "" : " (" + holder.command_line + ")");
}

}  // namespace fairlead::daemon
