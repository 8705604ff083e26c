#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/text_file.h"

namespace fairlead::base {
namespace {

bool same_file(int fd, int directory, const std::string& name) {
  struct stat held {
  }, present{};
  return fstat(fd, &held) == 0 &&
         fstatat(directory, name.c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_ino == present.st_ino && held.st_dev == present.st_dev;
}

}  // namespace

std::int64_t lock_holder(const UniqueFd& fd) {
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return 0;
  const auto text = read_text_file("/proc/locks", 4U << 20);
  if (!text) return 0;
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "%02x:%02x:%lu", major(info.st_dev), minor(info.st_dev),
                static_cast<unsigned long>(info.st_ino));
  const std::string inode = ":" + std::to_string(info.st_ino);
  std::int64_t by_inode = 0;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number, kind, mode, access, pid, file;
    fields >> number >> kind >> mode >> access >> pid >> file;
    if (kind != "FLOCK" || access != "WRITE") continue;
    if (file == wanted) return std::atoll(pid.c_str());
    if (file.ends_with(inode)) by_inode = std::atoll(pid.c_str());
  }
  return by_inode;
}

bool has_open(std::int64_t pid, const UniqueFd& fd) {
  struct stat ours {};
  if (fstat(fd.get(), &ours) != 0) return false;
  std::error_code ignored;
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    struct stat theirs {};
    if (stat(entry.path().c_str(), &theirs) == 0 && theirs.st_ino == ours.st_ino &&
        theirs.st_dev == ours.st_dev) {
      return true;
    }
  }
  return false;
}

Result<FileLock> FileLock::acquire(UniqueFd fd, const std::string& name,
                                   std::chrono::milliseconds patience) {
  const SteadyTime deadline = steady_now() + patience;
  // Not shorter: of many who wait each look costs the holder a moment.
  Backoff backoff(std::chrono::milliseconds(1), std::chrono::milliseconds(20));
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return errno_error("lock " + name);
    if (steady_now() >= deadline) {
      const std::int64_t holder = lock_holder(fd);
      const std::string who = holder > 0 ? "process " + std::to_string(holder) : "another process";
      return errno_error(ETIMEDOUT, "lock " + name + " is held by " + who);
    }
    std::this_thread::sleep_for(backoff.next());
  }
  return FileLock(std::move(fd));
}

Result<FileLock> FileLock::acquire(const PrivateDirectory& directory, const std::string& name,
                                   std::chrono::milliseconds patience) {
  const SteadyTime deadline = steady_now() + patience;
  for (;;) {
    auto file = directory.open_file(name, O_RDWR | O_CREAT);
    if (!file) return file.error();
    const int raw = file->get();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::max(deadline - steady_now(), SteadyTime::duration::zero()));
    auto lock = acquire(std::move(*file), directory.path_of(name), left);
    if (!lock) return lock;
    // A holder that was leaving may have removed the file between our open and our lock.
    if (same_file(raw, directory.fd(), name)) return lock;
  }
}

void FileLock::remove_file(const PrivateDirectory& directory, const std::string& name) {
  if (same_file(fd_.get(), directory.fd(), name)) directory.remove(name);
}

}  // namespace fairlead::base
