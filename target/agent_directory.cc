#include "target/agent_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/text_file.h"

namespace fairlead::target {
namespace {

using base::PrivateDirectory;
using base::Result;
using base::UniqueFd;

constexpr const char* kParent = "agents";
constexpr const char* kProgramPrefix = "agent-";
constexpr const char* kNewProgram = "agent-.new";
// Others find their way through, and cannot list what is there.
constexpr mode_t kDirectoryMode = 0711;
constexpr mode_t kProgramMode = 0755;
constexpr mode_t kSocketMode = 0666;

Result<UniqueFd> open_ours(const PrivateDirectory& parent, const std::string& name) {
  UniqueFd fd(openat(parent.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return base::errno_error("open " + parent.path_of(name));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return base::errno_error("look at " + parent.path_of(name));
  if (info.st_uid != geteuid()) {
    return base::errno_error(EPERM, parent.path_of(name) + " belongs to another user");
  }
  return fd;
}

std::vector<std::string> names_in(int directory) {
  std::vector<std::string> names;
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fdopendir(copy), closedir);
  if (!listing) {
    close(copy);
    return names;
  }
  while (const dirent* entry = readdir(listing.get())) names.emplace_back(entry->d_name);
  return names;
}

}  // namespace

Result<AgentDirectory> AgentDirectory::create(const PrivateDirectory& state,
                                              const std::string& name) {
  const auto parent = state.create_child(kParent);
  if (!parent) return parent.error();
  const std::string path = parent->path_of(name);
  if (mkdirat(parent->fd(), name.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::errno_error("create " + path);
  }
  auto fd = open_ours(*parent, name);
  if (!fd) return fd.error();
  if (fchmod(fd->get(), kDirectoryMode) != 0) return base::errno_error("open up " + path);
  return AgentDirectory(std::move(*fd), path);
}

Result<AgentDirectory> AgentDirectory::open(const PrivateDirectory& state,
                                            const std::string& source) {
  const auto parent = state.open_child(kParent);
  if (!parent) return parent.error();
  const std::string name = source.substr(source.rfind('/') + 1);
  if (name.empty() || name.front() == '.') return base::errno_error(ENOENT, source);
  auto fd = open_ours(*parent, name);
  if (!fd) return fd.error();
  struct stat ours {
  }, theirs{};
  if (fstat(fd->get(), &ours) != 0 || stat(source.c_str(), &theirs) != 0 ||
      ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino) {
    return base::errno_error(ENOENT, source + " in the state directory");
  }
  return AgentDirectory(std::move(*fd), parent->path_of(name));
}

void AgentDirectory::remove(const PrivateDirectory& state, const std::string& source) {
  const auto directory = open(state, source);
  if (!directory) return;  // also if there is no source
  directory->remove_programs("");
  directory->remove_socket();
  const auto parent = state.open_child(kParent);
  if (parent) unlinkat(parent->fd(), source.substr(source.rfind('/') + 1).c_str(), AT_REMOVEDIR);
}

Result<void> AgentDirectory::put_program(const std::string& name, std::string_view bytes) const {
  remove_programs(name);
  struct stat there {};
  if (fstatat(fd_.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISREG(there.st_mode) && static_cast<std::size_t>(there.st_size) == bytes.size()) {
    return {};
  }
  UniqueFd file(openat(fd_.get(), kNewProgram, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                       kProgramMode));
  const std::string what = path_ + "/" + name;
  if (!file) return base::errno_error("write " + what);
  auto written = base::write_all(file, bytes, what);
  if (written && fchmod(file.get(), kProgramMode) != 0)
    written = base::errno_error("write " + what);
  // Closed before it is run: nobody may run what somebody writes.
  file = UniqueFd();
  if (written && renameat(fd_.get(), kNewProgram, fd_.get(), name.c_str()) != 0) {
    written = base::errno_error("write " + what);
  }
  if (!written) unlinkat(fd_.get(), kNewProgram, 0);
  return written;
}

void AgentDirectory::remove_programs(const std::string& kept) const {
  for (const std::string& name : names_in(fd_.get())) {
    if (name.starts_with(kProgramPrefix) && name != kept) unlinkat(fd_.get(), name.c_str(), 0);
  }
}

Result<UniqueFd> AgentDirectory::listen() const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // However long the state directory's path is.
  const std::string path = "/proc/self/fd/" + std::to_string(fd_.get()) + "/" + kSocketName;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  remove_socket();
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::string what = "listen at " + path_ + "/" + kSocketName;
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      fchmodat(fd_.get(), kSocketName, kSocketMode, AT_SYMLINK_NOFOLLOW) != 0 ||
      ::listen(fd.get(), 1) != 0) {
    return base::errno_error(what);
  }
  return fd;
}

void AgentDirectory::remove_socket() const { unlinkat(fd_.get(), kSocketName, 0); }

}  // namespace fairlead::target
