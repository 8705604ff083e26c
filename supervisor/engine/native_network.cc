#include "supervisor/engine/native_network.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "base/process_list.h"

namespace fairlead::engine {
namespace {

std::string network_of(std::int64_t pid) { return "/proc/" + std::to_string(pid) + "/ns/net"; }

}  // namespace

base::Result<NativeNetwork> NativeNetwork::open(const base::ProcessIdentity& process) {
  const std::string path = network_of(process.pid);
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return base::errno_error("open " + path);
  // The descriptor is the process' own only if it lives after the descriptor was opened.
  if (!base::is_alive(process)) return base::errno_error(ESRCH, path);
  struct stat theirs {};
  struct stat ours {};
  if (fstat(fd.get(), &theirs) != 0 || stat("/proc/self/ns/net", &ours) != 0) {
    return base::errno_error("stat " + path);
  }
  if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino) {
    return base::errno_error(EPERM, path + " is our own network");
  }
  return NativeNetwork(std::move(fd), theirs.st_dev, theirs.st_ino);
}

bool NativeNetwork::has_member(std::int64_t pid) const {
  struct stat info {};
  return stat(network_of(pid).c_str(), &info) == 0 && info.st_dev == device_ &&
         info.st_ino == number_;
}

std::size_t NativeNetwork::kill_members() const {
  std::size_t found = 0;
  for (const std::int64_t pid : base::all_processes()) {
    if (!has_member(pid)) continue;
    // Looked at again with the process pinned: the number may have changed hands.
    const auto pidfd = base::open_pidfd(pid);
    if (!pidfd || !has_member(pid) || !base::pidfd_alive(*pidfd)) continue;
    ++found;
    (void)base::send_signal(*pidfd, SIGKILL);
  }
  return found;
}

}  // namespace fairlead::engine
