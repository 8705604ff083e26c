// Many supervisors at once, some of them killed at the worst moment.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>

#include "base/net.h"
#include "registry/registry_file.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::registry {
namespace {

using base::PrivateDirectory;
using base::UniqueFd;
using testing::TempDir;

constexpr std::size_t kProcesses = 64;

// A number that the fault tests may make larger (tests/faults/test_registry_storm.py).
int setting(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : otherwise;
}

// Allocations by each process, each released again.
int operations() { return setting("FAIRLEAD_STORM_OPERATIONS", 6); }
int kills() { return setting("FAIRLEAD_STORM_KILLS", 40); }
unsigned seed() { return static_cast<unsigned>(setting("FAIRLEAD_STORM_SEED", getpid())); }

enum class Stage : int { kIdle, kInRegistry, kHolding };

// Seen by all processes.
struct Shared {
  std::atomic<bool> go{false};
  std::array<std::atomic<int>, 65536> holder{};  // pid that has the bound listener of a port
  std::array<std::atomic<Stage>, kProcesses> stage{};
  std::atomic<int> doubles{0};
  std::atomic<int> failures{0};
  std::atomic<int> warnings{0};
  std::atomic<int> grants{0};
  std::atomic<int> started{0};
  std::atomic<int> done{0};  // operations, whoever made them
};

bool is_dead(int pid) {
  const auto identity = base::identify_process(pid);
  return !identity || !base::is_alive(*identity);
}

// Claims a port whose listener we hold. Whoever was entered before must be dead.
void claim(Shared& shared, std::uint16_t port) {
  int before = 0;
  while (!shared.holder[port].compare_exchange_strong(before, getpid())) {
    if (!is_dead(before)) {
      ++shared.doubles;
      return;
    }
  }
}

int take_part(Shared& shared, const PrivateDirectory& directory, std::size_t index,
              std::uint16_t first_port) {
  const auto self = base::identify_self();
  if (!self) return 1;
  RegistryFile registry(directory, *self, std::chrono::seconds(60));
  std::minstd_rand random(seed() + static_cast<unsigned>(++shared.started));
  while (!shared.go) sched_yield();
  for (int round = operations(); round > 0; --round) {
    std::vector<LeaseRequest> requests;
    for (std::size_t i = 0; i < 1 + random() % 3; ++i) {
      LeaseRequest request;
      request.workspace = "/w" + std::to_string(index % 8);
      request.container_id = std::to_string(getpid());
      request.container_port = static_cast<std::uint16_t>(first_port + random() % 16);
      requests.push_back(request);
    }
    shared.stage[index] = Stage::kInRegistry;
    auto grants = registry.allocate(requests);
    shared.stage[index] = Stage::kHolding;
    std::vector<std::uint16_t> ports;
    for (const auto& grant : grants) {
      if (!grant) {
        ++shared.failures;
        continue;
      }
      ports.push_back(grant->bound.port);
      claim(shared, grant->bound.port);
      ++shared.grants;
    }
    sched_yield();
    for (const std::uint16_t port : ports) {
      int mine = getpid();
      shared.holder[port].compare_exchange_strong(mine, 0);
    }
    grants.clear();
    shared.stage[index] = Stage::kInRegistry;
    registry.release(ports);
    shared.stage[index] = Stage::kIdle;
    ++shared.done;
    shared.warnings += static_cast<int>(registry.take_warnings().size());
  }
  return 0;
}

class RegistryStorm : public ::testing::Test {
 protected:
  void SetUp() override {
    auto directory = PrivateDirectory::create(temp_.path_of("state"));
    ASSERT_TRUE(directory);
    directory_.emplace(std::move(*directory));
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    shared_ = new (memory) Shared;
    // Sixteen numbers in a row that are likely to be free; what is not is passed over.
    const auto probe = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
    first_port_ = base::local_endpoint(*probe)->port;
    if (first_port_ > 65000) first_port_ = 40000;
  }
  void TearDown() override { munmap(shared_, sizeof(Shared)); }

  std::unique_ptr<testing::Forked> participant(std::size_t index) {
    shared_->stage[index] = Stage::kIdle;
    return std::make_unique<testing::Forked>(
        [&, index] { return take_part(*shared_, *directory_, index, first_port_); });
  }

  TempDir temp_;
  std::optional<PrivateDirectory> directory_;
  Shared* shared_ = nullptr;
  std::uint16_t first_port_ = 0;
};

TEST_F(RegistryStorm, NeverGivesOnePortToTwoThoughSomeAreKilledInTheMiddle) {
  std::vector<std::unique_ptr<testing::Forked>> processes;
  for (std::size_t i = 0; i < kProcesses; ++i) processes.push_back(participant(i));
  shared_->go = true;
  std::minstd_rand random(seed());
  int killed = 0;
  int killed_in_registry = 0;
  // Spread over the first half of what is done at least.
  const int work_per_kill = static_cast<int>(kProcesses) * operations() / kills() / 2;
  while (killed < kills()) {
    if (!testing::eventually([&] { return shared_->done >= killed * work_per_kill; })) break;
    const std::size_t victim = random() % kProcesses;
    // Somebody who is at the file right now, as far as can be known.
    const bool wants_writer = killed % 4 != 0;
    // It may have ended meanwhile: then another takes its place.
    if (wants_writer) {
      const bool there = testing::eventually([&] {
        return shared_->stage[victim] == Stage::kInRegistry || is_dead(processes[victim]->pid());
      });
      if (!there) break;
    }
    for (auto spin = random() % 4000; spin > 0; --spin) sched_yield();
    if (shared_->stage[victim] == Stage::kInRegistry) ++killed_in_registry;
    processes[victim]->kill(SIGKILL);
    processes[victim]->wait();
    processes[victim] = participant(victim);
    ++killed;
  }
  EXPECT_EQ(killed, kills());
  EXPECT_GT(killed_in_registry, 0);
  for (const auto& process : processes) EXPECT_EQ(process->wait(), 0);
  std::printf(
      "storm: %zu processes of %d operations each, %d killed (%d of them in the registry); %d "
      "ports "
      "granted, %d held by two, %d not to be had, %d times the registry unusable\n",
      kProcesses, operations(), killed, killed_in_registry, shared_->grants.load(),
      shared_->doubles.load(), shared_->failures.load(), shared_->warnings.load());
  EXPECT_EQ(shared_->doubles, 0) << "one port was held by two";
  EXPECT_EQ(shared_->failures, 0);
  EXPECT_EQ(shared_->warnings, 0) << "somebody found the registry unusable";
  EXPECT_GE(shared_->grants, static_cast<int>(kProcesses) * operations());

  const auto text = directory_->read_file(RegistryFile::kFileName, 16U << 20);
  ASSERT_TRUE(text);
  EXPECT_EQ(LeaseTable::parse(*text).verdict, LeaseTable::Verdict::kUsable);
  RegistryFile after(*directory_, *base::identify_self());
  LeaseRequest request;
  request.workspace = "/fresh";
  request.container_port = first_port_;
  const auto grants = after.allocate({request});
  ASSERT_TRUE(grants[0]) << grants[0].error().message();
  EXPECT_TRUE(after.take_warnings().empty());
  const auto last = LeaseTable::parse(*directory_->read_file(RegistryFile::kFileName, 16U << 20));
  ASSERT_EQ(last.verdict, LeaseTable::Verdict::kUsable);
  ASSERT_EQ(last.table.leases().size(), 1U) << "the dead have been settled";
  EXPECT_EQ(last.table.leases()[0].host_port, grants[0]->bound.port);
  // Of workspace and container port there is one reservation at most, and of each number.
  std::set<std::uint16_t> numbers;
  std::set<std::pair<std::string, std::uint16_t>> meanings;
  for (const Reservation& entry : last.table.reservations()) {
    EXPECT_TRUE(numbers.insert(entry.host_port).second) << entry.host_port;
    EXPECT_TRUE(meanings.emplace(entry.workspace, entry.container_port).second);
  }
}

TEST_F(RegistryStorm, BindsAloneAreEnoughWhenTheFileCannotBeUsed) {
  const std::string newer = "{\"version\":2}";
  ASSERT_TRUE(directory_->write_file_atomically(RegistryFile::kFileName, newer));
  std::vector<std::unique_ptr<testing::Forked>> processes;
  for (std::size_t i = 0; i < kProcesses; ++i) processes.push_back(participant(i));
  shared_->go = true;
  for (const auto& process : processes) EXPECT_EQ(process->wait(), 0);
  EXPECT_EQ(shared_->doubles, 0);
  EXPECT_EQ(shared_->failures, 0);
  EXPECT_EQ(shared_->warnings, static_cast<int>(kProcesses)) << "said once by each";
  EXPECT_EQ(*directory_->read_file(RegistryFile::kFileName, 1U << 20), newer);
}

}  // namespace
}  // namespace fairlead::registry
