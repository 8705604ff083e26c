// The agent, started in a namespace as an engine would, and programs in its place that mean harm.
#include "target/agent_sockets.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "agent/agent_image.h"
#include "base/net.h"
#include "base/process_list.h"
#include "base/text_file.h"
#include "target/socket_maker.h"
#include "tests/netns/fixture.h"
#include "tests/support/temp_dir.h"

namespace fairlead::target {
namespace {

using base::UniqueFd;
using testing::TempDir;

// A program in Python takes its time to begin; after that it is quick.
constexpr auto kStart = std::chrono::seconds(10);
constexpr auto kAnswer = std::chrono::milliseconds(700);
constexpr auto kGone = std::chrono::milliseconds(1500);

class AgentSocketsTest : public testing::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    state_.emplace(*base::PrivateDirectory::create(folder_.path() + "/state"));
  }

  AgentDirectory directory() { return *AgentDirectory::create(*state_, "box"); }

  // As an engine does: in there, apart from us, without waiting.
  std::vector<std::string> exec_prefix() const {
    return {"setsid", "--fork", "nsenter",  "--preserve-credentials",
            "--user", "--net",  "--target", std::to_string(space_->pid())};
  }

  std::unique_ptr<AgentSockets> make(std::string_view program) {
    AgentDirectory place = directory();
    const std::string path = place.path();
    return std::make_unique<AgentSockets>(
        loop_, *init_,
        AgentSockets::Options{
            exec_prefix(), std::move(place), {"agent-x", program}, path, kStart, {kAnswer, kGone}});
  }
  std::unique_ptr<AgentSockets> make() { return make(agent::agent_program()); }

  base::Result<void> begin(AgentSockets& sockets) {
    std::optional<base::Result<void>> outcome;
    sockets.start([&](base::Result<void> done) { outcome = std::move(done); });
    if (!run_until([&] { return outcome.has_value(); })) return base::plain_error("nothing at all");
    return *outcome;
  }

  // A program in the agent's place: `body` has the connected channel as `s`.
  static std::string impostor(const std::string& body) {
    return "#!/usr/bin/env python3\n"
           "import array, os, socket, struct, sys, time\n"
           "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
           "s.connect(sys.argv[1])\n"
           "def cookie(fd):\n"
           "    return struct.unpack('Q', fd.getsockopt(socket.SOL_SOCKET, 71, 8))[0]\n"
           "tcp = lambda family=socket.AF_INET: socket.socket(family, socket.SOCK_STREAM)\n"
           "def say(kind, what=0, error=0, number=0, fds=()):\n"
           "    body = struct.pack('=BBxxiQ', kind, what, error, number)\n"
           "    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))]\n"
           "    s.sendmsg([body], rights if fds else [])\n"
           "kept = []\n"
           "def fd(one):\n"
           "    kept.append(one)\n"
           "    return one.fileno()\n"
           "def give(kind, count, blocking=False):\n"
           "    made = [tcp(socket.AF_INET6 if kind else socket.AF_INET) for _ in range(count)]\n"
           "    for m in made: m.setblocking(blocking)\n"
           "    say(1, kind, fds=[m.fileno() for m in made])\n"
           "def asked():\n"
           "    return struct.unpack('=BBxxI', s.recv(1000)[:8])\n" +
           body + "\ntime.sleep(20)\n";
  }

  // How it ends with such a program: an error, and soon.
  std::string refused(const std::string& body) {
    const std::string program = impostor(body);
    const auto sockets = make(program);
    const auto begun = begin(*sockets);
    return begun ? "believed" : begun.error().message();
  }

  TempDir folder_;
  std::optional<base::PrivateDirectory> state_;
};

TEST_F(AgentSocketsTest, HandsOutSocketsOfItsNamespaceAndReplacesThem) {
  const auto sockets = make();
  const auto begun = begin(*sockets);
  ASSERT_TRUE(begun) << begun.error().message();
  EXPECT_EQ(sockets->cookie(), space_->cookie());
  const auto listener = space_->listen(on("127.0.0.1", 0));
  ASSERT_TRUE(listener);
  for (int i = 0; i < 100; ++i) {
    UniqueFd socket;
    ASSERT_TRUE(run_until([&] { return (socket = sockets->take(SocketKind::kTcp4)).valid(); }))
        << i;
    EXPECT_EQ(namespace_cookie(socket.get()), space_->cookie());
    EXPECT_NE(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(fcntl(socket.get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(AgentSocketsTest, TellsWhoHoldsASocketAndNothingOfOthers) {
  const auto sockets = make();
  ASSERT_TRUE(begin(*sockets));
  const auto listener = space_->listen(on("127.0.0.1", 0));
  ASSERT_TRUE(listener);
  std::optional<std::map<std::uint64_t, AgentSockets::Owner>> owners;
  // More than go into one question, and only one of them real.
  std::set<std::uint64_t> inodes{listener->inode};
  for (std::uint64_t i = 0; i < 200; ++i) inodes.insert(4'000'000'000'000 + i);
  sockets->find_owners(inodes, [&](auto found, bool) { owners = std::move(found); });
  ASSERT_TRUE(run_until([&] { return owners.has_value(); }));
  ASSERT_EQ(owners->size(), 1U);
  const AgentSockets::Owner& owner = owners->at(listener->inode);
  EXPECT_EQ(owner.pid, space_->pid());  // there is no pid namespace between us
  EXPECT_NE(owner.command_line.find("netns"), std::string::npos) << owner.command_line;
}

TEST_F(AgentSocketsTest, EndsWhenWeDo) {
  auto sockets = make();
  ASSERT_TRUE(begin(*sockets));
  const auto agents = [&] {
    std::size_t count = 0;
    for (const std::int64_t pid : base::all_processes()) {
      const auto text = base::read_text_file("/proc/" + std::to_string(pid) + "/cmdline", 4096);
      count += text && text->find(folder_.path()) != std::string::npos ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(agents(), 1U);
  sockets.reset();
  EXPECT_TRUE(run_until([&] { return agents() == 0; }));
}

TEST_F(AgentSocketsTest, LeavesNoSocketInItsDirectoryOnceItIsThere) {
  const auto sockets = make();
  ASSERT_TRUE(begin(*sockets));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory().path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_EQ(names, std::vector<std::string>{"agent-x"});
}

TEST_F(AgentSocketsTest, AProgramThatCannotBeRunIsSaid) {
  const auto sockets = make("this is no program");
  const auto begun = begin(*sockets);
  ASSERT_FALSE(begun);
}

TEST_F(AgentSocketsTest, AnImpostorThatNeverAnswersIsGivenUp) {
  EXPECT_NE(refused("").find("does not answer"), std::string::npos);
}

TEST_F(AgentSocketsTest, AnImpostorThatJoinsAndGivesNothingIsGivenUp) {
  EXPECT_NE(refused("say(0, number=cookie(tcp()))").find("does not answer"), std::string::npos);
}

TEST_F(AgentSocketsTest, GarbageIsNoAnswer) {
  EXPECT_NE(refused("s.send(b'x')").find("no sense"), std::string::npos);
  EXPECT_NE(refused("s.send(bytes(5000))").find("no sense"), std::string::npos);
  EXPECT_NE(refused("say(1)").find("no sense"), std::string::npos) << "before it has joined";
  EXPECT_NE(refused("say(0, number=cookie(tcp()))\nsay(0, number=1)").find("no sense"),
            std::string::npos);
}

TEST_F(AgentSocketsTest, SocketsThatAreNotWhatWasAskedForAreNoSockets) {
  const std::string joined = "say(0, number=cookie(tcp()))\nkind = asked()[1]\n";
  const std::pair<const char*, const char*> cases[] = {
      {"a pipe", "say(1, kind, fds=os.pipe())"},
      {"a file", "say(1, kind, fds=[os.open('/dev/null', os.O_RDWR)])"},
      {"another family", "say(1, kind, fds=[fd(tcp(socket.AF_INET6))])"},
      {"a datagram socket", "say(1, kind, fds=[fd(socket.socket(2, 2))])"},
      {"a Unix socket", "say(1, kind, fds=[s.fileno()])"},
      {"a listening socket", "l = tcp()\nl.listen()\nsay(1, kind, fds=[l.fileno()])"},
      {"a connected socket",
       "l = tcp()\nl.listen()\nc = tcp()\nc.connect(l.getsockname())\nsay(1, kind, "
       "fds=[c.fileno()])"},
      {"more than were asked for",
       "many = [tcp() for _ in range(40)]\n"
       "say(1, kind, fds=[m.fileno() for m in many])"},
      {"an unknown kind", "say(1, 77, fds=[fd(tcp())])"},
      {"another kind than was asked for", "say(1, 1, fds=[fd(tcp(socket.AF_INET6))])"},
      {"owners nobody asked for", "s.send(struct.pack('=BxxxiQI1024x4x', 2, 1, 5, 9))"},
  };
  for (const auto& [what, body] : cases) {
    EXPECT_NE(refused(joined + body).find("no sense"), std::string::npos) << what;
  }
}

TEST_F(AgentSocketsTest, SocketsOfAnotherNamespaceThanItSaysAreNone) {
  const std::string lie =
      "say(0, number=cookie(tcp()) + 1)\nkind = asked()[1]\n"
      "say(1, kind, fds=[fd(tcp())])";
  EXPECT_NE(refused(lie).find("no sense"), std::string::npos);
}

TEST_F(AgentSocketsTest, OurOwnNamespaceIsNone) {
  const UniqueFd ours(make_socket(SocketKind::kTcp4));
  const std::string number = std::to_string(namespace_cookie(ours.get()));
  EXPECT_NE(refused("say(0, number=" + number + ")").find("own network"), std::string::npos);
}

TEST_F(AgentSocketsTest, ANamespaceThatCannotBeToldFromAnotherIsNone) {
  EXPECT_NE(refused("say(0, number=0)").find("cannot be told"), std::string::npos);
}

TEST_F(AgentSocketsTest, AnImpostorThatAnswersWithNothingIsGivenUp) {
  EXPECT_NE(refused("say(0, number=cookie(tcp()))\n"
                    "while True: say(1, asked()[1])")
                .find("does not answer"),
            std::string::npos);
}

// Whatever was asked for is answered, if only by an error: nobody waits for ever.
TEST_F(AgentSocketsTest, AnImpostorThatKeepsTheOtherSocketsBackIsGivenUpInTheEnd) {
  const std::string program = impostor(
      "say(0, number=cookie(tcp()))\n"
      "while True:\n"
      "    _, kind, count = asked()\n"
      "    if kind > 1: continue\n"
      "    give(kind, count)\n");
  const auto sockets = make(program);
  ASSERT_TRUE(begin(*sockets));
  bool lost = false;
  std::optional<std::string> answer;
  sockets->on_lost([&](const base::Error&) { lost = true; });
  sockets->open_one(SocketKind::kDiag, [&](const base::Result<UniqueFd>& socket) {
    answer = socket ? "a socket" : socket.error().message();
  });
  ASSERT_TRUE(run_until([&] { return lost; }));
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->find("does not answer"), std::string::npos) << *answer;
}

TEST_F(AgentSocketsTest, AFloodIsCutOff) {
  const std::string program = impostor(
      "say(0, number=cookie(tcp()))\n"
      "while True: say(1, 0, fds=[fd(tcp())])");
  const auto sockets = make(program);
  std::optional<std::string> end;
  sockets->on_lost([&](const base::Error& error) { end = error.message(); });
  // The first of them may count before the second gives it away.
  if (const auto begun = begin(*sockets); !begun) end = begun.error().message();
  ASSERT_TRUE(run_until([&] { return end.has_value(); }));
  EXPECT_NE(end->find("no sense"), std::string::npos) << *end;
  EXPECT_LE(sockets->pooled(), 64U);
}

TEST_F(AgentSocketsTest, ABlockingSocketIsMadeNonBlocking) {
  const std::string program = impostor(
      "say(0, number=cookie(tcp()))\n"
      "while True:\n"
      "    _, kind, count = asked()\n"
      "    give(kind, count, blocking=True)\n");
  const auto sockets = make(program);
  ASSERT_TRUE(begin(*sockets));
  const UniqueFd socket = sockets->take(SocketKind::kTcp4);
  ASSERT_TRUE(socket);
  EXPECT_NE(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(AgentSocketsTest, AnOwnerWithAnImpossibleLengthIsNone) {
  const std::string program = impostor(
      "say(0, number=cookie(tcp()))\n"
      "while True:\n"
      "    head = s.recv(1000)\n"
      "    if head[0] == 1:\n"
      "        inode = struct.unpack('Q', head[8:16])[0]\n"
      "        s.send(struct.pack('=BxxxiQI1024x4x', 2, 1, inode, 100000))\n"
      "    else:\n"
      "        kind, count = struct.unpack('=xBxxI', head[:8])\n"
      "        give(kind, count)\n");
  const auto sockets = make(program);
  ASSERT_TRUE(begin(*sockets));
  std::optional<std::size_t> found;
  sockets->find_owners({42}, [&](const auto& owners, bool) { found = owners.size(); });
  ASSERT_TRUE(run_until([&] { return found.has_value(); }));
  EXPECT_EQ(*found, 0U);
}

TEST(AgentDirectory, IsForEverybodyInsideAndTheStateDirectoryForNobody) {
  const TempDir folder;
  const auto state = base::PrivateDirectory::create(folder.path() + "/state");
  const auto directory = AgentDirectory::create(*state, "box");
  ASSERT_TRUE(directory);
  ASSERT_TRUE(directory->put_program("agent-1", "old"));
  ASSERT_TRUE(directory->put_program("agent-2", "new"));
  const auto mode = [&](const std::string& name) {
    struct stat info {};
    return stat((folder.path() + "/state/" + name).c_str(), &info) == 0 ? info.st_mode & 07777U
                                                                        : 0U;
  };
  EXPECT_EQ(mode(""), 0700U);
  EXPECT_EQ(mode("agents"), 0700U);
  EXPECT_EQ(mode("agents/box"), 0711U);
  EXPECT_EQ(mode("agents/box/agent-1"), 0U) << "another version's";
  EXPECT_EQ(mode("agents/box/agent-2"), 0755U);
  const auto listener = directory->listen();
  ASSERT_TRUE(listener);
  EXPECT_EQ(mode("agents/box/socket"), 0666U);
  AgentDirectory::remove(*state, directory->path());
  EXPECT_EQ(mode("agents/box"), 0U);
}

TEST(AgentDirectory, OfAnotherStateDirectoryIsNone) {
  const TempDir folder;
  const auto state = base::PrivateDirectory::create(folder.path() + "/state");
  const auto other = base::PrivateDirectory::create(folder.path() + "/other");
  const auto ours = AgentDirectory::create(*state, "box");
  const auto theirs = AgentDirectory::create(*other, "box");
  EXPECT_TRUE(AgentDirectory::open(*state, ours->path()));
  EXPECT_FALSE(AgentDirectory::open(*state, theirs->path()));
  EXPECT_FALSE(AgentDirectory::open(*state, ""));
  EXPECT_FALSE(AgentDirectory::open(*state, ours->path() + "/.."));
  std::filesystem::create_directory_symlink(theirs->path(), folder.path() + "/state/agents/link");
  EXPECT_FALSE(AgentDirectory::open(*state, folder.path() + "/state/agents/link"));
}

TEST(AgentImage, IsAProgramUnderAMebibyteWithANameOfItsOwn) {
  EXPECT_TRUE(agent::agent_program().starts_with("\177ELF"));
  EXPECT_LE(agent::agent_program().size(), std::size_t{1} << 20U);
  EXPECT_TRUE(agent::agent_name().starts_with("agent-"));
  EXPECT_EQ(agent::agent_name().size(), 6U + 16U);
}

}  // namespace
}  // namespace fairlead::target
