// The registry on a real disk: what is kept, and what happens when the file cannot be used.
#include "registry/registry_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "base/file_lock.h"
#include "base/net.h"
#include "base/text_file.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::registry {
namespace {

using base::PrivateDirectory;
using base::UniqueFd;
using nlohmann::json;
using testing::Forked;
using testing::in_child;
using testing::TempDir;

constexpr auto kShort = std::chrono::milliseconds(30);

// A number that is free now, and likely to stay so: nobody else asks the kernel for this one.
std::uint16_t free_port() {
  const auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  return base::local_endpoint(*listener)->port;
}

LeaseRequest request(std::uint16_t container_port, const std::string& workspace = "/w") {
  LeaseRequest result;
  result.workspace = workspace;
  result.container_id = "c";
  result.container_port = container_port;
  return result;
}

ssize_t write_byte(const UniqueFd& fd) { return ::write(fd.get(), "x", 1); }

bool answers(std::uint16_t port) {
  const base::SocketAddress address = base::to_socket_address({base::IpAddress::loopback4(), port});
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(fd.get(), address.get(), address.length) == 0;
}

class RegistryFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto directory = PrivateDirectory::create(temp_.path_of("state"));
    ASSERT_TRUE(directory);
    directory_.emplace(std::move(*directory));
    self_ = *base::identify_self();
  }

  RegistryFile registry() { return RegistryFile(*directory_, self_); }
  std::string path() const { return directory_->path_of(RegistryFile::kFileName); }
  std::string content() const {
    const auto text = base::read_text_file(path(), 1U << 24);
    return text ? *text : std::string();
  }
  void write(const std::string& text) {
    ASSERT_TRUE(directory_->write_file_atomically(RegistryFile::kFileName, text));
  }
  LeaseTable table() const {
    const auto parsed = LeaseTable::parse(content());
    EXPECT_EQ(parsed.verdict, LeaseTable::Verdict::kUsable) << content();
    return parsed.table;
  }
  // The owner of what is recorded for a host port; 0 if nothing is.
  std::int64_t owner_of(std::uint16_t port) const {
    const LeaseTable table = this->table();
    for (const Lease& lease : table.leases()) {
      if (lease.host_port == port) return lease.owner.pid;
    }
    return 0;
  }
  std::vector<std::string> names_with(const std::string& part) const {
    std::vector<std::string> names;
    for (const std::string& name : directory_->list()) {
      if (name.find(part) != std::string::npos) names.push_back(name);
    }
    return names;
  }
  static Grant granted(RegistryFile& registry, const LeaseRequest& wanted) {
    auto grants = registry.allocate({wanted});
    EXPECT_EQ(grants.size(), 1U);
    if (grants.size() != 1 || !grants[0]) {
      ADD_FAILURE() << (grants.empty() ? "nothing" : grants[0].error().message());
      return {};
    }
    return std::move(*grants[0]);
  }

  TempDir temp_;
  std::optional<PrivateDirectory> directory_;
  base::ProcessIdentity self_;
};

TEST_F(RegistryFileTest, GrantsAListenerThatAnswersAlready) {
  RegistryFile registry = this->registry();
  const std::uint16_t port = free_port();
  const Grant grant = granted(registry, request(port));
  EXPECT_EQ(grant.bound.port, port);
  EXPECT_EQ(grant.remap, Remap::kNone);
  EXPECT_TRUE(answers(port));
  EXPECT_EQ(owner_of(port), self_.pid);
  EXPECT_TRUE(registry.take_warnings().empty());
}

TEST_F(RegistryFileTest, ItsFileIsPrivate) {
  RegistryFile registry = this->registry();
  granted(registry, request(free_port()));
  for (const char* name : {RegistryFile::kFileName, RegistryFile::kLockName}) {
    struct stat info {};
    ASSERT_EQ(stat(directory_->path_of(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
  }
}

TEST_F(RegistryFileTest, GoesUpwardFromANumberThatIsTaken) {
  const auto taken = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  const std::uint16_t port = base::local_endpoint(*taken)->port;
  RegistryFile registry = this->registry();
  const Grant grant = granted(registry, request(port));
  EXPECT_NE(grant.bound.port, port);
  EXPECT_EQ(grant.remap, Remap::kInUse);
  EXPECT_TRUE(answers(grant.bound.port));
}

TEST_F(RegistryFileTest, SaysThatANumberIsPrivileged) {
  RegistryFile registry = this->registry();
  const Grant grant = granted(registry, request(80));
  EXPECT_GE(grant.bound.port, 1024);
  EXPECT_EQ(grant.remap, Remap::kPrivileged);
}

TEST_F(RegistryFileTest, GivesSeveralRequestsDifferentNumbers) {
  RegistryFile registry = this->registry();
  const std::uint16_t port = free_port();
  const auto grants = registry.allocate({request(port), request(port), request(port, "/v")});
  ASSERT_EQ(grants.size(), 3U);
  std::set<std::uint16_t> numbers;
  for (const auto& grant : grants) {
    ASSERT_TRUE(grant);
    numbers.insert(grant->bound.port);
  }
  EXPECT_EQ(numbers.size(), 3U);
  EXPECT_TRUE(registry.allocate({}).empty());
}

TEST_F(RegistryFileTest, GivesAWorkspaceItsNumberAgain) {
  const std::uint16_t wanted = free_port();
  std::uint16_t had = 0;
  {
    const auto taken = base::listen_tcp({base::IpAddress::loopback4(), wanted}, 1);
    RegistryFile registry = this->registry();
    had = granted(registry, request(wanted)).bound.port;
    registry.release({had});
    EXPECT_EQ(owner_of(had), 0);
  }
  ASSERT_NE(had, wanted);
  RegistryFile later = this->registry();
  EXPECT_EQ(granted(later, request(wanted)).bound.port, had) << "its own number is free by now";
  EXPECT_EQ(granted(later, request(wanted, "/other")).bound.port, wanted);
}

TEST_F(RegistryFileTest, LeavesAReleasedNumberToItsWorkspaceForAWhile) {
  const std::uint16_t port = free_port();
  RegistryFile registry = this->registry();
  granted(registry, request(port));  // and closed at once
  registry.release({port});
  EXPECT_NE(granted(registry, request(port, "/other")).bound.port, port);
  EXPECT_EQ(granted(registry, request(port)).bound.port, port);
}

TEST_F(RegistryFileTest, TurnsWhatADeadProcessHeldIntoReservations) {
  const std::uint16_t port = free_port();
  ASSERT_EQ(in_child([&] {
              RegistryFile theirs(*directory_, *base::identify_self());
              auto grants = theirs.allocate({request(port)});
              return grants[0] && grants[0]->bound.port == port ? 0 : 1;
            }),
            0);
  EXPECT_NE(owner_of(port), 0);
  RegistryFile registry = this->registry();
  registry.prune();
  EXPECT_EQ(owner_of(port), 0);
  ASSERT_EQ(table().reservations().size(), 1U);
  EXPECT_EQ(granted(registry, request(port)).bound.port, port);
}

TEST_F(RegistryFileTest, KeepsWhatItDoesNotKnow) {
  const std::uint16_t port = free_port();
  RegistryFile other(*directory_, *base::identify_process(getppid()));
  granted(other, request(port, "/theirs"));
  json document = json::parse(content());
  document["later"] = "kept";
  document["entries"][0]["relay"] = "nat";
  write(document.dump());
  RegistryFile registry = this->registry();
  granted(registry, request(free_port()));
  const json after = json::parse(content());
  EXPECT_EQ(after["later"], "kept");
  EXPECT_EQ(after["entries"][0]["relay"], "nat");
  EXPECT_EQ(after["entries"].size(), 2U);
}

// --- Trouble with the file ---

TEST_F(RegistryFileTest, SetsACorruptFileAsideAndSaysWhere) {
  for (const std::string& text :
       {std::string(), std::string("not json"), std::string("{\"version\":1,\"entries\":[{"),
        std::string("\0\0\0\0", 4)}) {
    write(text);
    RegistryFile registry = this->registry();
    const Grant grant = granted(registry, request(free_port()));
    EXPECT_EQ(owner_of(grant.bound.port), self_.pid) << "a new one has been begun";
    const auto warnings = registry.take_warnings();
    ASSERT_EQ(warnings.size(), 1U);
    const auto aside = names_with(".corrupt-");
    ASSERT_EQ(aside.size(), 1U);
    EXPECT_NE(warnings[0].find(directory_->path_of(aside[0])), std::string::npos) << warnings[0];
    EXPECT_EQ(*base::read_text_file(directory_->path_of(aside[0]), 1U << 20), text);
    EXPECT_TRUE(directory_->remove(aside[0]));
  }
}

TEST_F(RegistryFileTest, KeepsEveryCorruptFileItSetsAside) {
  for (int i = 0; i < 3; ++i) {
    write("corrupt number " + std::to_string(i));
    RegistryFile registry = this->registry();
    registry.prune();
  }
  EXPECT_EQ(names_with(".corrupt-").size(), 3U) << "one has replaced another";
}

TEST_F(RegistryFileTest, RecordsItsOwnNumbersAgainWhenTheFileWasLost) {
  RegistryFile registry = this->registry();
  const Grant first = granted(registry, request(free_port()));
  write("oh no");
  const Grant second = granted(registry, request(free_port()));
  EXPECT_EQ(owner_of(first.bound.port), self_.pid);
  EXPECT_EQ(owner_of(second.bound.port), self_.pid);
  directory_->remove(RegistryFile::kFileName);
  registry.prune();
  EXPECT_EQ(owner_of(first.bound.port), self_.pid);
}

TEST_F(RegistryFileTest, LeavesAFileOfANewerVersionUntouchedAndSaysSoOnce) {
  const std::string newer = "{\"version\": 2,\n \"leases\": [\"of another kind\"]}";
  write(newer);
  RegistryFile registry = this->registry();
  const Grant first = granted(registry, request(free_port()));
  const Grant second = granted(registry, request(first.bound.port));
  EXPECT_NE(first.bound.port, second.bound.port);
  registry.release({first.bound.port});
  registry.prune();
  EXPECT_EQ(content(), newer);
  const auto warnings = registry.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("newer"), std::string::npos) << warnings[0];
  EXPECT_TRUE(registry.take_warnings().empty());
}

TEST_F(RegistryFileTest, GrantsPortsWithoutALockAndNamesItsHolder) {
  auto ready = base::make_pipe();
  Forked holder([&] {
    const auto lock = base::FileLock::acquire(*directory_, RegistryFile::kLockName, kShort);
    if (!lock || write_byte(ready->second) != 1) return 1;
    for (;;) pause();
  });
  ASSERT_TRUE(testing::readable(ready->first.get()));
  RegistryFile registry(*directory_, self_, kShort);
  const std::uint16_t port = free_port();
  const Grant grant = granted(registry, request(port));
  EXPECT_EQ(grant.bound.port, port);
  const auto warnings = registry.take_warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("process " + std::to_string(holder.pid())), std::string::npos)
      << warnings[0];
  EXPECT_EQ(content(), "");
  // Once the lock is free, what was granted meanwhile is recorded.
  holder.kill(SIGKILL);
  holder.wait();
  registry.prune();
  EXPECT_EQ(owner_of(port), self_.pid);
}

TEST_F(RegistryFileTest, FollowsNoLinkAndOpensNoStrangeFile) {
  const std::string elsewhere = temp_.path_of("elsewhere");
  std::ofstream(elsewhere) << "precious";
  const auto expect_harmless = [&](const char* what) {
    RegistryFile registry(*directory_, self_, kShort);
    const Grant grant = granted(registry, request(free_port()));
    EXPECT_TRUE(answers(grant.bound.port)) << what;
    EXPECT_FALSE(registry.take_warnings().empty()) << what;
    EXPECT_EQ(*base::read_text_file(elsewhere, 100), "precious") << what;
  };
  for (const char* name : {RegistryFile::kFileName, RegistryFile::kLockName}) {
    const std::string path = directory_->path_of(name);
    directory_->remove(RegistryFile::kFileName);
    directory_->remove(RegistryFile::kLockName);
    ASSERT_EQ(symlink(elsewhere.c_str(), path.c_str()), 0);
    expect_harmless("link");
    directory_->remove(name);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    expect_harmless("pipe");
    directory_->remove(name);
    ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
    expect_harmless("directory");
    rmdir(path.c_str());
  }
}

// Runs `body` with a directory of a file system of its own; 77 where none can be mounted.
template <class Body>
int on_own_file_system(const std::string& where, const char* options, Body body) {
  return in_child([&] {
    if (geteuid() != 0 && unshare(CLONE_NEWUSER) != 0) return 77;
    if (unshare(CLONE_NEWNS) != 0) return 77;
    mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    mkdir(where.c_str(), 0700);
    if (mount("none", where.c_str(), "tmpfs", 0, options) != 0) return 77;
    const auto directory = PrivateDirectory::create(where);
    if (!directory) return 78;
    const int status = body(*directory);
    return status;
  });
}

bool remount(const std::string& where, unsigned long flags) {
  return mount("none", where.c_str(), "tmpfs", MS_REMOUNT | flags, nullptr) == 0;
}

TEST_F(RegistryFileTest, GrantsPortsOnAReadOnlyDisk) {
  const std::uint16_t port = free_port();
  const std::string where = temp_.path_of("disk");
  const int status = on_own_file_system(where, "size=1m", [&](const PrivateDirectory& directory) {
    RegistryFile registry(directory, *base::identify_self(), kShort);
    auto before = registry.allocate({request(free_port(), "/first")});
    const auto text = directory.read_file(RegistryFile::kFileName, 1U << 20);
    if (!before[0] || !text || !registry.take_warnings().empty()) return 1;
    if (!remount(where, MS_RDONLY)) return 77;
    if (open((where + "/x").c_str(), O_WRONLY | O_CREAT, 0600) >= 0) return 77;
    const auto grants = registry.allocate({request(port)});
    if (!grants[0] || grants[0]->bound.port != port || !answers(port)) return 2;
    if (registry.take_warnings().size() != 1) return 3;
    registry.release({port});
    registry.prune();
    if (!registry.take_warnings().empty()) return 4;  // said once
    if (*directory.read_file(RegistryFile::kFileName, 1U << 20) != *text) return 5;
    if (!remount(where, 0)) return 6;
    registry.prune();
    return 0;
  });
  if (status == 77) FAIRLEAD_SKIP("mountns", "no file system can be mounted here");
  EXPECT_EQ(status, 0);
}

TEST_F(RegistryFileTest, GrantsPortsOnAFullDiskAndLosesNothing) {
  const std::uint16_t port = free_port();
  const std::string where = temp_.path_of("disk");
  const int status = on_own_file_system(where, "size=64k", [&](const PrivateDirectory& directory) {
    RegistryFile registry(directory, *base::identify_self(), kShort);
    auto before = registry.allocate({request(free_port(), "/first")});
    const auto text = directory.read_file(RegistryFile::kFileName, 1U << 20);
    if (!before[0] || !text) return 1;
    {
      const UniqueFd filler(open((where + "/filler").c_str(), O_WRONLY | O_CREAT, 0600));
      const std::string page(4096, 'x');
      while (::write(filler.get(), page.data(), page.size()) > 0) {
      }
      if (errno != ENOSPC) return 77;
    }
    const auto grants = registry.allocate({request(port)});
    if (!grants[0] || grants[0]->bound.port != port || !answers(port)) return 2;
    if (registry.take_warnings().size() != 1) return 3;
    const auto after = directory.read_file(RegistryFile::kFileName, 1U << 20);
    if (!after || *after != *text) return 4;
    if (directory.list().size() != 3) return 5;  // registry, lock, filler: no temporary file
    // With room again everything is recorded.
    directory.remove("filler");
    registry.record_again();
    const auto healed = LeaseTable::parse(*directory.read_file(RegistryFile::kFileName, 1U << 20));
    return healed.table.leases().size() == 2 ? 0 : 6;
  });
  if (status == 77) FAIRLEAD_SKIP("mountns", "no file system can be mounted here");
  EXPECT_EQ(status, 0);
}

// --- Old owners and their successors ---

class Succession : public RegistryFileTest {
 protected:
  void SetUp() override {
    RegistryFileTest::SetUp();
    successor_ = *base::identify_process(getppid());
  }
  base::ProcessIdentity successor_;
};

TEST_F(Succession, LateCleanupLeavesTheSuccessorsRecord) {
  const std::uint16_t port = free_port();
  RegistryFile old(*directory_, self_);
  granted(old, request(port));  // its listener is closed, its record not yet removed
  // The successor finds the record dead, or binds in spite of it.
  json document = json::parse(content());
  document["entries"][0]["pid"] = successor_.pid;
  document["entries"][0]["start_ticks"] = successor_.start_ticks;
  document["entries"][0]["boot_id"] = successor_.boot_id;
  write(document.dump());
  old.release({port});
  EXPECT_EQ(owner_of(port), successor_.pid);
}

TEST_F(Succession, LateCleanupAfterALostFileLeavesTheSuccessorsRecord) {
  const std::uint16_t port = free_port();
  RegistryFile old(*directory_, self_);
  granted(old, request(port));
  directory_->remove(RegistryFile::kFileName);
  RegistryFile next(*directory_, successor_);
  const Grant grant = granted(next, request(port));
  ASSERT_EQ(grant.bound.port, port);
  old.release({port});
  EXPECT_EQ(owner_of(port), successor_.pid) << content();
}

TEST_F(Succession, AnyChangeOfAnOldOwnerLeavesTheSuccessorsRecord) {
  const std::uint16_t port = free_port();
  RegistryFile old(*directory_, self_);
  granted(old, request(port));
  directory_->remove(RegistryFile::kFileName);
  RegistryFile next(*directory_, successor_);
  const Grant grant = granted(next, request(port));
  ASSERT_EQ(grant.bound.port, port);
  old.prune();
  EXPECT_EQ(owner_of(port), successor_.pid) << content();
  granted(old, request(free_port(), "/else"));
  EXPECT_EQ(owner_of(port), successor_.pid) << content();
}

// --- Binding ---

TEST(BindPort, HoldsBothLoopbacks) {
  const std::uint16_t port = free_port();
  const auto bound = bind_port(port);
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->port, port);
  EXPECT_EQ(base::local_endpoint(bound->v4)->to_string(), "127.0.0.1:" + std::to_string(port));
  if (bound->v6) {
    EXPECT_EQ(base::local_endpoint(bound->v6)->to_string(), "[::1]:" + std::to_string(port));
    EXPECT_EQ(bound->v6_missing, "");
  } else {
    EXPECT_NE(bound->v6_missing, "");
  }
}

TEST(BindPort, SaysWhoseTheOtherLoopbackIs) {
  const auto taken = base::listen_tcp({base::IpAddress::loopback6(), 0}, 1);
  if (!taken) GTEST_SKIP() << "this host has no ::1";
  const std::uint16_t port = base::local_endpoint(*taken)->port;
  const auto bound = bind_port(port);
  ASSERT_TRUE(bound);
  EXPECT_FALSE(bound->v6);
  EXPECT_EQ(bound->v6_missing, "[::1]:" + std::to_string(port) + " belongs to somebody else");
}

TEST(BindPort, FailsWithoutTheIpv4Loopback) {
  const auto taken = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  const std::uint16_t port = base::local_endpoint(*taken)->port;
  const auto bound = bind_port(port);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code.value(), EADDRINUSE);
  EXPECT_TRUE(base::listen_tcp({base::IpAddress::loopback6(), port}, 1) || errno == EADDRNOTAVAIL)
      << "keeps half a port";
}

TEST(BindPort, FailsIfSomebodyListensOnEveryAddress) {
  const auto taken = base::listen_tcp({base::IpAddress::any4(), 0}, 1);
  const auto bound = bind_port(base::local_endpoint(*taken)->port);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code.value(), EADDRINUSE);
}

}  // namespace
}  // namespace fairlead::registry
