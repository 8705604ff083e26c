#include "agent/owners.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace fairlead::agent {
namespace {

using target::OwnerReply;

// Root in a container may see its own processes alone; in another user's shoes (for files, which is
// what procfs asks for) it sees that user's. Without the right to do so nothing changes.
class BorrowedIdentity {
 public:
  BorrowedIdentity(uid_t user, gid_t group) {
    setfsgid(group);
    setfsuid(user);
  }
  ~BorrowedIdentity() {
    setfsuid(geteuid());
    setfsgid(getegid());
  }
  BorrowedIdentity(const BorrowedIdentity&) = delete;
  BorrowedIdentity& operator=(const BorrowedIdentity&) = delete;
};

// A positive number and nothing else; 0 otherwise.
int process_number(const char* name) {
  char* end = nullptr;
  const long number = std::strtol(name, &end, 10);
  return *name >= '1' && *name <= '9' && *end == '\0' && number < 1L << 30
             ? static_cast<int>(number)
             : 0;
}

// The inode in "socket:[123]"; 0 for anything else.
std::uint64_t socket_inode(int directory, const char* name) {
  constexpr char kBegin[] = "socket:[";
  char text[64] = {};
  if (readlinkat(directory, name, text, sizeof text - 1) <= 0) return 0;
  if (std::strncmp(text, kBegin, sizeof kBegin - 1) != 0) return 0;
  return std::strtoull(text + sizeof kBegin - 1, nullptr, 10);
}

void read_command_line(int process, OwnerReply& reply) {
  const int file = openat(process, "cmdline", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  const ssize_t got = read(file, reply.command_line, sizeof reply.command_line);
  close(file);
  reply.length = got > 0 ? static_cast<std::uint32_t>(got) : 0;
}

// What is asked for, and what has been found of it.
struct Search {
  const OwnerFound& tell;
  const std::uint64_t* inodes;
  std::size_t count;
  bool found[target::kMaxOwnersPerRequest];
  std::size_t missing;
};

// One process' descriptors. False: nobody wants to know any more.
bool search_process(Search& search, int pid, int process) {
  struct stat info {};
  if (fstat(process, &info) != 0) return true;
  const BorrowedIdentity as(info.st_uid, info.st_gid);
  const int descriptors = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptors < 0) return true;
  DIR* listing = fdopendir(descriptors);
  if (listing == nullptr) {
    close(descriptors);
    return true;
  }
  bool there = true;
  while (const dirent* entry = readdir(listing)) {
    const std::uint64_t inode = socket_inode(descriptors, entry->d_name);
    for (std::size_t i = 0; inode != 0 && i < search.count; ++i) {
      if (search.inodes[i] != inode || search.found[i]) continue;
      search.found[i] = true;
      --search.missing;
      OwnerReply reply;
      reply.pid = pid;
      reply.inode = inode;
      read_command_line(process, reply);
      there = there && search.tell(reply);
    }
  }
  closedir(listing);
  return there;
}

}  // namespace

void find_owners(const std::uint64_t* inodes, std::size_t count, const OwnerFound& found) {
  Search search{found, inodes, count, {}, count};
  DIR* processes = opendir("/proc");
  if (processes == nullptr) return;
  bool wanted = true;
  while (const dirent* entry = wanted && search.missing > 0 ? readdir(processes) : nullptr) {
    const int pid = process_number(entry->d_name);
    if (pid == 0) continue;
    const int process = openat(dirfd(processes), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0) continue;
    wanted = search_process(search, pid, process);
    close(process);
  }
  closedir(processes);
}

}  // namespace fairlead::agent
