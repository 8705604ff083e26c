#include "base/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>

#include "base/clock.h"
#include "base/net.h"
#include "base/process_identity.h"
#include "base/text_file.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::base {
namespace {

using namespace std::chrono_literals;
using testing::Forked;
using testing::has_children;
using testing::in_child;
using testing::kPatience;
using testing::open_descriptors;
using testing::readable;

const std::vector<std::string> kWaiter{kSelfExecutable, "__wait"};

Result<CommandOutput> shell(const std::string& script) {
  return run_command({"sh", "-c", script}, kPatience);
}

TEST(RunCommand, CollectsBothStreamsAndTheStatus) {
  const auto output = shell("echo out; echo err >&2; exit 7");
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "out\n");
  EXPECT_EQ(output->err, "err\n");
  EXPECT_EQ(output->status, 7);
}

TEST(RunCommand, TellsASignalFromAnExit) {
  EXPECT_EQ(shell("kill -TERM $$")->status, 128 + SIGTERM);
  EXPECT_EQ(shell("exit 255")->status, 255);
  EXPECT_EQ(shell("true")->status, 0);
}

TEST(RunCommand, PassesArgumentsAsTheyAre) {
  const std::string odd = "$HOME; `id` \"'\\ \n*\t\xff";
  const auto output = run_command({"printf", "%s|", odd, "", "-n"}, kPatience);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, odd + "||-n|");
}

TEST(RunCommand, GivesTheChildAnEmptyInput) {
  const auto output = run_command({"cat"}, kPatience);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "");
  EXPECT_EQ(output->status, 0);
}

TEST(RunCommand, KeepsNoMoreThanTheLimitAndReadsTheRest) {
  const auto output =
      run_command({"sh", "-c", "head -c 1000000 /dev/zero | tee /dev/stderr"}, kPatience, 1000);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->status, 0);
  EXPECT_EQ(output->out.size(), 1000U);
  EXPECT_EQ(output->err.size(), 1000U);
}

TEST(RunCommand, CollectsMuchFromBothStreamsAtOnce) {
  const auto output = shell("head -c 500000 /dev/zero >&2 & head -c 500000 /dev/zero; wait");
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out.size(), 500000U);
  EXPECT_EQ(output->err.size(), 500000U);
}

TEST(RunCommand, KillsWhatTakesTooLong) {
  const SteadyTime before = steady_now();
  const auto output = run_command({"sleep", "100"}, 100ms);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code.value(), ETIMEDOUT);
  EXPECT_NE(output.error().message().find("sleep"), std::string::npos);
  EXPECT_GE(steady_now() - before, 99ms);  // poll counts whole milliseconds
  EXPECT_LT(steady_now() - before, kPatience);
  EXPECT_FALSE(has_children());
}

TEST(RunCommand, KillsWhatTakesTooLongAfterItHasClosedItsOutputs) {
  const SteadyTime before = steady_now();
  const auto output = run_command({"sh", "-c", "exec sleep 4 >&- 2>&-"}, 100ms);
  EXPECT_LT(steady_now() - before, 3s) << "blocked beyond its timeout";
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code.value(), ETIMEDOUT);
  EXPECT_FALSE(has_children());
}

TEST(RunCommand, LeavesNeitherChildrenNorDescriptorsBehind) {
  ASSERT_TRUE(shell("true"));
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(shell("echo x"));
    ASSERT_FALSE(run_command({"/nonexistent/program"}, kPatience));
    ASSERT_FALSE(run_command({"no-such-program"}, kPatience));
  }
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_FALSE(has_children());
}

TEST(Spawn, PutsVariablesOverOurs) {
  setenv("FAIRLEAD_TEST_OURS", "ours", 1);
  setenv("FAIRLEAD_TEST_BOTH", "ours", 1);
  auto ends = make_pipe();
  ASSERT_TRUE(ends);
  SpawnOptions options;
  options.argv = {"sh", "-c",
                  "printf '%s|' \"$FAIRLEAD_TEST_OURS\" \"$FAIRLEAD_TEST_BOTH\" \"$NEW\"; "
                  "env | grep -c ^FAIRLEAD_TEST_BOTH="};
  options.environment = {"FAIRLEAD_TEST_BOTH=theirs", "NEW=a=b\nc"};
  options.stdout_fd = ends->second.get();
  auto child = spawn(options);
  ASSERT_TRUE(child);
  ends->second.reset();
  const auto out = read_all(ends->first, 1000, "the child");
  ASSERT_TRUE(out);
  EXPECT_EQ(*out, "ours|theirs|a=b\nc|1\n");
  EXPECT_EQ(child->wait(), 0);
  EXPECT_STREQ(getenv("FAIRLEAD_TEST_BOTH"), "ours") << "not in ours";
}

TEST(Spawn, NamesAProgramThatIsMissing) {
  for (const char* program : {"no-such-program", "/nonexistent/program", "./nothing-here"}) {
    const auto child = spawn({{program}});
    ASSERT_FALSE(child) << program;
    EXPECT_NE(child.error().message().find(program), std::string::npos);
    EXPECT_EQ(child.error().code.value(), ENOENT) << child.error().message();
  }
}

TEST(Spawn, ReapsTheChildWhoseExecFailed) {
  ASSERT_FALSE(spawn({{"/nonexistent/program"}}));
  EXPECT_FALSE(has_children()) << "a zombie is left";
}

TEST(Spawn, SaysWhyAProgramCannotBeStarted) {
  const testing::TempDir directory;
  const UniqueFd file(
      open(directory.path_of("data").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const auto child = spawn({{directory.path_of("data")}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code.value(), EACCES);
}

TEST(Spawn, ConnectsTheThreeStreams) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  SpawnOptions options{{"sh", "-c", "read line; echo \"got $line\"; echo bad >&2"}};
  options.stdin_fd = in->first.get();
  options.stdout_fd = out->second.get();
  options.stderr_fd = err->second.get();
  auto child = spawn(options);
  ASSERT_TRUE(child);
  out->second.reset();
  err->second.reset();
  ASSERT_TRUE(write_all(in->second, "word\n", "stdin"));
  EXPECT_EQ(*read_all(out->first, 100, "stdout"), "got word\n");
  EXPECT_EQ(*read_all(err->first, 100, "stderr"), "bad\n");
  EXPECT_EQ(child->wait(), 0);
}

TEST(Spawn, GivesTheExtraDescriptorAsNumberThree) {
  auto pipe = make_pipe();
  SpawnOptions options{{"sh", "-c", "echo hello >&3"}};
  options.extra_fd = pipe->second.get();
  auto child = spawn(options);
  ASSERT_TRUE(child);
  pipe->second.reset();
  EXPECT_EQ(*read_all(pipe->first, 100, "pipe"), "hello\n");
  EXPECT_EQ(child->wait(), 0);
}

// Sources that are themselves numbered 0 to 3, each in another's place.
TEST(Spawn, PlacesDescriptorsWhateverTheirNumbersAre) {
  auto one = make_pipe();
  auto two = make_pipe();
  auto three = make_pipe();
  const int status = in_child([&] {
    dup2(one->second.get(), 1);
    dup2(two->second.get(), 2);
    const UniqueFd high(fcntl(three->second.get(), F_DUPFD_CLOEXEC, 50));
    dup3(high.get(), 0, O_CLOEXEC);
    SpawnOptions options{{"sh", "-c", "echo out; echo err >&2; echo extra >&3"}};
    options.stdout_fd = 2;
    options.stderr_fd = 0;
    options.extra_fd = 1;
    auto child = spawn(options);
    return child ? child->wait() : 99;
  });
  EXPECT_EQ(status, 0);
  for (auto* pipe : {&one, &two, &three}) (*pipe)->second.reset();
  EXPECT_EQ(*read_all(one->first, 100, "one"), "extra\n");
  EXPECT_EQ(*read_all(two->first, 100, "two"), "out\n");
  EXPECT_EQ(*read_all(three->first, 100, "three"), "err\n");
}

TEST(Spawn, WorksInAProcessThatHasNoStreams) {
  const testing::TempDir directory;
  const std::string file = directory.path_of("proof");
  const int status = in_child([&] {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    auto child = spawn({{"/bin/sh", "-c", "echo done > " + file}});
    return child ? child->wait() : 99;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*read_text_file(file, 100), "done\n");
}

TEST(Spawn, ReportsAMissingProgramInAProcessThatHasNoStreams) {
  const int status = in_child([&] {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    const auto child = spawn({{"/nonexistent/program"}});
    return !child && child.error().code.value() == ENOENT ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

TEST(Spawn, GivesTheChildADefaultSignalMaskAndSigpipe) {
  const int status = in_child([] {
    signal(SIGPIPE, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    const auto output =
        run_command({"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}, kPatience);
    if (!output) return 1;
    const std::string none = "0000000000000000\n";
    if (output->out.find("SigBlk:\t" + none) == std::string::npos) return 2;
    const std::size_t ignored = output->out.find("SigIgn:\t");
    if (ignored == std::string::npos) return 3;
    const auto mask = std::stoull(output->out.substr(ignored + 8), nullptr, 16);
    return (mask & (1ULL << (SIGPIPE - 1))) == 0 ? 0 : 4;
  });
  EXPECT_EQ(status, 0);
}

TEST(Spawn, AChildDiesWithItsParentIfToldTo) {
  auto tell = make_pipe();
  auto keep = make_pipe();
  Forked parent([&] {
    SpawnOptions options{kWaiter};
    options.stdin_fd = keep->first.get();  // never ends while the test holds the other end
    options.die_with_parent = true;
    const auto child = spawn(options);
    const std::int64_t pid = child ? child->pid() : 0;
    if (write(tell->second.get(), &pid, sizeof pid) != sizeof pid) return 1;
    for (;;) pause();
  });
  std::int64_t pid = 0;
  ASSERT_EQ(read(tell->first.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  const auto pidfd = open_pidfd(pid);
  ASSERT_TRUE(pidfd);
  ASSERT_TRUE(pidfd_alive(*pidfd));
  parent.kill(SIGKILL);
  EXPECT_TRUE(readable(pidfd->get()));
}

TEST(Spawn, AChildOutlivesItsParentUnlessToldOtherwise) {
  auto tell = make_pipe();
  auto keep = make_pipe();
  Forked parent([&] {
    SpawnOptions options{kWaiter};
    options.stdin_fd = keep->first.get();
    const auto child = spawn(options);
    const std::int64_t pid = child ? child->pid() : 0;
    return write(tell->second.get(), &pid, sizeof pid) == sizeof pid ? 0 : 1;
  });
  std::int64_t pid = 0;
  ASSERT_EQ(read(tell->first.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  const auto pidfd = open_pidfd(pid);
  ASSERT_TRUE(pidfd);
  ASSERT_EQ(parent.wait(), 0);
  EXPECT_FALSE(readable(pidfd->get(), 50));
  keep->second.reset();  // its input ends, and so does it
  EXPECT_TRUE(readable(pidfd->get()));
}

class RunningChild : public ::testing::Test {
 protected:
  void SetUp() override {
    SpawnOptions options{kWaiter};
    options.stdin_fd = input_->first.get();
    auto child = spawn(options);
    ASSERT_TRUE(child);
    child_.emplace(std::move(*child));
  }
  Result<std::pair<UniqueFd, UniqueFd>> input_ = make_pipe();
  std::optional<ChildProcess> child_;
};

TEST_F(RunningChild, ShowsOnItsPidfdThatItHasEnded) {
  EXPECT_FALSE(readable(child_->pidfd().get(), 0));
  EXPECT_EQ(child_->try_wait(), std::nullopt);
  input_->second.reset();
  EXPECT_TRUE(readable(child_->pidfd().get()));
  EXPECT_EQ(child_->try_wait(), 0);
  EXPECT_EQ(child_->try_wait(), 0);
  EXPECT_EQ(child_->wait(), 0);
}

TEST_F(RunningChild, IsKilledAndTellsSo) {
  child_->kill();
  EXPECT_EQ(child_->wait(), 128 + SIGKILL);
  EXPECT_EQ(child_->wait(), 128 + SIGKILL);
  child_->kill();  // of nobody: harmless
}

TEST_F(RunningChild, IsNeitherKilledNorAwaitedWhenItsObjectGoes) {
  const std::int64_t pid = child_->pid();
  const UniqueFd pidfd = *open_pidfd(pid);
  child_.reset();
  EXPECT_FALSE(readable(pidfd.get(), 50));
  input_->second.reset();
  EXPECT_EQ(waitpid(static_cast<pid_t>(pid), nullptr, 0), static_cast<pid_t>(pid));
}

}  // namespace
}  // namespace fairlead::base
