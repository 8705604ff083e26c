#include "detect/procfs_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "detect/proc_net_tcp.h"

namespace fairlead::detect {

base::Result<std::unique_ptr<ProcfsSource>> ProcfsSource::open(const target::InitProcess& init) {
  const std::string directory = "/proc/" + std::to_string(init.identity().pid) + "/net/";
  base::UniqueFd tcp4(::open((directory + "tcp").c_str(), O_RDONLY | O_CLOEXEC));
  if (!tcp4) return base::errno_error("open " + directory + "tcp");
  base::UniqueFd tcp6(::open((directory + "tcp6").c_str(), O_RDONLY | O_CLOEXEC));
  if (!init.alive()) return base::errno_error(ESRCH, "the container's init process");
  return std::unique_ptr<ProcfsSource>(new ProcfsSource(init, std::move(tcp4), std::move(tcp6)));
}

base::Result<void> ProcfsSource::read_table(const base::UniqueFd& fd, base::Family family,
                                            Snapshot& snapshot) {
  ProcNetTcpParser parser(family, snapshot);
  off_t offset = 0;
  while (!parser.past_listeners()) {
    const ssize_t count = pread(fd.get(), buffer_.data(), buffer_.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::errno_error("read the container's socket table");
    if (count == 0) break;
    parser.feed({buffer_.data(), static_cast<std::size_t>(count)});
    offset += count;
  }
  parser.finish();
  return {};
}

base::Result<Snapshot> ProcfsSource::scan() {
  Snapshot snapshot;
  if (auto read = read_table(tcp4_, base::Family::kIpv4, snapshot); !read) return read.error();
  if (tcp6_) {
    if (auto read = read_table(tcp6_, base::Family::kIpv6, snapshot); !read) return read.error();
  }
  if (!init_.alive()) return base::errno_error(ESRCH, "the container's init process");
  normalize(snapshot);
  return snapshot;
}

}  // namespace fairlead::detect
