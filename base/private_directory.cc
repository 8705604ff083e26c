#include "base/private_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "base/text_file.h"

namespace fairlead::base {
namespace {

Result<void> make_parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) {
      // A read-only or foreign parent that exists already says EROFS or EACCES instead of EEXIST.
      const int failure = errno;
      struct stat info {};
      if (stat(parent.c_str(), &info) != 0) return errno_error(failure, "create " + parent);
    }
  }
  return {};
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Result<PrivateDirectory> PrivateDirectory::open_at(int parent, const std::string& name,
                                                   std::string path) {
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    const int failure = errno;
    struct stat link {};
    if (fstatat(parent, name.c_str(), &link, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(link.st_mode)) {
      return plain_error("state directory " + path + " is a symbolic link; it must be a directory");
    }
    return errno_error(failure, "open directory " + path);
  }
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return errno_error("stat " + path);
  if (info.st_uid != geteuid()) {
    return plain_error("directory " + path + " belongs to user " + std::to_string(info.st_uid) +
                       ", not to us; refusing to use it");
  }
  PrivateDirectory directory(std::move(fd), std::move(path));
  if ((info.st_mode & 077) == 0) return directory;
  // Taking permissions away from a directory with a life of its own would break that.
  if (!directory.list().empty()) {
    return plain_error(
        "directory " + directory.path() +
        " is open to other users and not empty; choose another one, or chmod 700 it");
  }
  if (fchmod(directory.fd(), 0700) != 0) return errno_error("make private " + directory.path());
  return directory;
}

Result<PrivateDirectory> PrivateDirectory::create(const std::string& raw_path) {
  const std::string path = without_trailing_slashes(raw_path);
  const auto parents = make_parents(path);
  if (!parents) return parents.error();
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("create " + path);
  return open_at(AT_FDCWD, path, path);
}

Result<PrivateDirectory> PrivateDirectory::open(const std::string& raw_path) {
  const std::string path = without_trailing_slashes(raw_path);
  return open_at(AT_FDCWD, path, path);
}

Result<PrivateDirectory> PrivateDirectory::create_child(const std::string& name) const {
  if (mkdirat(fd(), name.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("create " + path_of(name));
  }
  return open_at(fd(), name, path_of(name));
}

Result<PrivateDirectory> PrivateDirectory::open_child(const std::string& name) const {
  return open_at(fd(), name, path_of(name));
}

Result<UniqueFd> PrivateDirectory::open_file(const std::string& name, int flags) const {
  UniqueFd file(
      openat(fd(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600));
  if (!file) return errno_error("open " + path_of(name));
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return errno_error("stat " + path_of(name));
  if (!S_ISREG(info.st_mode)) return plain_error(path_of(name) + " is not a regular file");
  if (info.st_uid != geteuid()) {
    return plain_error(path_of(name) + " belongs to user " + std::to_string(info.st_uid) +
                       ", not to us; refusing to use it");
  }
  return file;
}

Result<std::string> PrivateDirectory::read_file(const std::string& name, std::size_t limit) const {
  const auto file = open_file(name, O_RDONLY);
  if (!file) return file.error();
  return read_all(*file, limit, path_of(name));
}

Result<void> PrivateDirectory::write_file_atomically(const std::string& name,
                                                     std::string_view content) const {
  static std::atomic<unsigned> serial{0};
  const std::string temporary =
      "." + name + "." + std::to_string(getpid()) + "." + std::to_string(serial++);
  const auto written = [&]() -> Result<void> {
    remove(temporary);  // left by a process of the same number that was killed here
    const auto file = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (!file) return file.error();
    if (auto done = write_all(*file, content, path_of(temporary)); !done) return done;
    if (fsync(file->get()) != 0) return errno_error("sync " + path_of(temporary));
    return rename(temporary, name);
  }();
  if (!written) remove(temporary);
  return written;
}

bool PrivateDirectory::remove(const std::string& name) const {
  return unlinkat(fd(), name.c_str(), 0) == 0;
}

Result<void> PrivateDirectory::rename(const std::string& from, const std::string& to) const {
  if (renameat(fd(), from.c_str(), fd(), to.c_str()) != 0) {
    return errno_error("rename " + path_of(from) + " to " + to);
  }
  return {};
}

std::vector<std::string> PrivateDirectory::list() const {
  std::vector<std::string> names;
  const int copy = openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return names;
  DIR* stream = fdopendir(copy);
  if (stream == nullptr) {
    ::close(copy);
    return names;
  }
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  closedir(stream);
  return names;
}

}  // namespace fairlead::base
