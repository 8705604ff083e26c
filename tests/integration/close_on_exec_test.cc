// A child sees what it was given and nothing else, whatever the parent has open.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>
#include <sstream>

#include "base/child_process.h"
#include "base/file_lock.h"
#include "base/net.h"
#include "base/private_directory.h"
#include "base/process_identity.h"
#include "detect/cpu_counter.h"
#include "detect/procfs_source.h"
#include "target/init_process.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::base {
namespace {

using namespace std::chrono_literals;
using testing::kPatience;
using Descriptors = std::map<int, std::string>;

std::vector<int> numbers(const Descriptors& descriptors) {
  std::vector<int> result;
  for (const auto& [number, what] : descriptors) result.push_back(number);
  return result;
}

std::string shown(const Descriptors& descriptors) {
  std::ostringstream text;
  for (const auto& [number, what] : descriptors) text << number << " -> " << what << "\n";
  return text.str();
}

Descriptors parse(const std::string& text) {
  Descriptors descriptors;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    descriptors[std::stoi(line.substr(0, space))] = line.substr(space + 1);
  }
  return descriptors;
}

Descriptors descriptors_of_a_child() {
  const auto output = run_command({kSelfExecutable, "__list_descriptors"}, kPatience);
  return output ? parse(output->out) : Descriptors{};
}

// One of everything that fairlead opens.
class EverythingOpen : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto& address : {IpAddress::loopback4(), IpAddress::loopback6()}) {
      auto listener = listen_tcp({address, 0}, 16);
      if (listener) open_.push_back(std::move(*listener));
    }
    UniqueFd unix_listener = *listen_unix(directory_, "socket");
    open_.push_back(*connect_unix(directory_, "socket"));
    open_.push_back(*accept_connection(unix_listener.get()));
    open_.push_back(std::move(unix_listener));
    for (auto pair : {&make_pipe, &make_packet_pair}) {
      auto ends = (*pair)();
      open_.push_back(std::move(ends->first));
      open_.push_back(std::move(ends->second));
    }
    open_.push_back(*open_pidfd(getpid()));
    open_.push_back(*open_pidfd(*identify_self()));
    open_.push_back(*directory_.open_file("file", O_RDWR | O_CREAT));
    receive_one();
  }
  void receive_one() {
    auto pair = make_packet_pair();
    const int sent = directory_.fd();
    char byte = 'x';
    ASSERT_TRUE(send_descriptors(pair->first.get(), &byte, 1, &sent, 1));
    auto message = receive_descriptors(pair->second.get(), &byte, 1);
    ASSERT_TRUE(message);
    ASSERT_EQ(message->descriptors.size(), 1U);
    open_.push_back(std::move(message->descriptors[0]));
  }

  testing::TempDir temp_;
  PrivateDirectory directory_ = *PrivateDirectory::create(temp_.path_of("state"));
  Result<FileLock> lock_ = FileLock::acquire(directory_, "lock", 0ms);
  Result<target::InitProcess> init_ = target::InitProcess::open(getpid());
  Result<std::unique_ptr<detect::ProcfsSource>> procfs_ = detect::ProcfsSource::open(*init_);
  Result<detect::CpuCounter> counter_ = detect::CpuCounter::open(getpid());
  std::vector<UniqueFd> open_;
};

TEST_F(EverythingOpen, AChildSeesItsThreeStreamsOnly) {
  ASSERT_GE(testing::open_descriptors(), 15U);
  const Descriptors child = descriptors_of_a_child();
  EXPECT_EQ(numbers(child), (std::vector<int>{0, 1, 2})) << shown(child);
  EXPECT_EQ(child.at(0), "/dev/null");
}

TEST_F(EverythingOpen, AChildSeesTheExtraDescriptorBesides) {
  auto out = make_pipe();
  auto extra = make_packet_pair();
  SpawnOptions options{{kSelfExecutable, "__list_descriptors"}};
  options.stdout_fd = out->second.get();
  options.extra_fd = extra->second.get();
  auto child = spawn(options);
  ASSERT_TRUE(child);
  out->second.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(out->first.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  EXPECT_EQ(child->wait(), 0);
  const Descriptors seen = parse(text);
  EXPECT_EQ(numbers(seen), (std::vector<int>{0, 1, 2, 3})) << text;
  EXPECT_EQ(seen.at(3).substr(0, 7), "socket:");
  EXPECT_EQ(seen.at(0), "/dev/null");
  EXPECT_EQ(seen.at(2), "/dev/null");
}

TEST_F(EverythingOpen, AChildThatSomebodyElseForksSeesNothingOfOursEither) {
  // Not by spawn(), which could close what it finds: by fork and exec alone.
  auto out = make_pipe();
  testing::Forked child([&] {
    dup2(out->second.get(), 1);
    execl("/proc/self/exe", "host_test", "__list_descriptors", nullptr);
    return 1;
  });
  out->second.reset();
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = read(out->first.get(), buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  for (const auto& [number, what] : parse(text)) {
    EXPECT_LT(number, 3) << "inherited: " << what;
  }
}

TEST(CloseOnExec, AChildSeesNothingThatALibraryLeftInheritable) {
  // "nothing else, whatever the parent has open": descriptors without the flag included.
  std::vector<UniqueFd> leaky;
  for (int i = 0; i < 8; ++i) leaky.emplace_back(open("/dev/zero", O_RDONLY));
  leaky.emplace_back(fcntl(leaky[0].get(), F_DUPFD, 500));
  leaky[3].reset();
  const Descriptors child = descriptors_of_a_child();
  EXPECT_EQ(numbers(child), (std::vector<int>{0, 1, 2})) << shown(child);
}

}  // namespace
}  // namespace fairlead::base
