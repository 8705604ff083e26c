// The registry's rules, as tables; no file and no port is touched.
#include "registry/lease_table.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

namespace fairlead::registry {
namespace {

using base::ProcessIdentity;
using nlohmann::json;

constexpr std::int64_t kNow = 1'800'000'000;

ProcessIdentity process(std::int64_t pid) { return {pid, 1000, "boot"}; }

Lease lease(std::uint16_t host, std::uint16_t container, const std::string& workspace,
            std::int64_t pid = 1) {
  Lease result;
  result.host_port = host;
  result.container_port = container;
  result.container_id = "c-" + workspace;
  result.workspace = workspace;
  result.owner = process(pid);
  return result;
}

LeaseRequest request(std::uint16_t container, const std::string& workspace,
                     std::uint16_t wished = 0) {
  LeaseRequest result;
  result.workspace = workspace;
  result.container_id = "c-" + workspace;
  result.container_port = container;
  result.wished = wished;
  return result;
}

// A table in which `workspace` once had `host` for `container`.
LeaseTable remembering(std::uint16_t host, std::uint16_t container, const std::string& workspace,
                       std::int64_t released_at) {
  LeaseTable table;
  table.add(lease(host, container, workspace));
  table.release(host, process(1), released_at);
  return table;
}

std::vector<std::uint16_t> first(const LeaseTable& table, const LeaseRequest& wanted,
                                 std::size_t count, std::int64_t now = kNow) {
  std::vector<std::uint16_t> ports;
  auto candidates = table.candidates(wanted, now);
  while (ports.size() < count) {
    const auto port = candidates.next();
    if (!port) break;
    ports.push_back(*port);
  }
  return ports;
}

using Ports = std::vector<std::uint16_t>;

// --- Which number is tried, in which order ---

TEST(LeaseCandidates, AreOneOrNoneWhereNoOtherNumberWillDo) {
  LeaseRequest wanted = request(3000, "w");
  wanted.no_other_number = true;
  EXPECT_EQ(first({}, wanted, 5), Ports{3000});
  EXPECT_EQ(first(remembering(4100, 3000, "w", kNow), wanted, 5), Ports{3000});
  EXPECT_EQ(first(remembering(3000, 1, "other", kNow), wanted, 5), Ports{});
  wanted.wished = 8080;
  EXPECT_EQ(first({}, wanted, 5), Ports{8080});
  LeaseRequest low = request(80, "w");
  low.no_other_number = true;
  EXPECT_EQ(first({}, low, 5), Ports{});
  low.may_be_privileged = true;
  EXPECT_EQ(first({}, low, 5), Ports{80});
}

TEST(LeaseTable, RemembersEachHostsPortByItself) {
  LeaseTable table;
  Lease db = lease(15432, 5432, "w");
  db.service = "db";
  table.add(db);
  table.add(lease(5432, 5432, "w"));
  table.release(15432, process(1), kNow);
  table.release(5432, process(1), kNow);
  ASSERT_EQ(table.reservations().size(), 2U);
  LeaseRequest wanted = request(5432, "w");
  EXPECT_EQ(first(table, wanted, 1), Ports{5432});
  wanted.service = "db";
  EXPECT_EQ(first(table, wanted, 1), Ports{15432});
  const auto again = LeaseTable::parse(table.to_text());
  ASSERT_EQ(again.verdict, LeaseTable::Verdict::kUsable);
  EXPECT_EQ(first(again.table, wanted, 1), Ports{15432});
  EXPECT_EQ(table.to_text().find("\"service\": \"\""), std::string::npos);
}

TEST(LeaseCandidates, BeginWithTheContainersOwnNumberAndGoUpward) {
  const LeaseTable table;
  const std::pair<std::uint16_t, Ports> cases[] = {
      {3000, {3000, 3001, 3002, 3003}},
      {1024, {1024, 1025, 1026, 1027}},
      {65534, {65534, 65535, 1024, 1025}},
      {65535, {65535, 1024, 1025, 1026}},
  };
  for (const auto& [port, expected] : cases) {
    EXPECT_EQ(first(table, request(port, "w"), 4), expected) << port;
  }
}

TEST(LeaseCandidates, SkipPrivilegedNumbers) {
  const LeaseTable table;
  for (const std::uint16_t port : Ports{1, 22, 80, 443, 1023}) {
    EXPECT_EQ(first(table, request(port, "w"), 2), (Ports{1024, 1025})) << port;
  }
}

TEST(LeaseCandidates, TryAPrivilegedNumberThatMayBeHad) {
  LeaseRequest wanted = request(80, "w");
  wanted.may_be_privileged = true;
  EXPECT_EQ(first({}, wanted, 3), (Ports{80, 1024, 1025}));
  wanted = request(8080, "w", 443);
  wanted.may_be_privileged = true;
  EXPECT_EQ(first({}, wanted, 3), (Ports{443, 1024, 1025}));
}

TEST(LeaseCandidates, BeginWithTheNumberAskedFor) {
  EXPECT_EQ(first({}, request(3000, "w", 8080), 3), (Ports{8080, 8081, 8082}));
  EXPECT_EQ(first({}, request(3000, "w", 443), 2), (Ports{1024, 1025})) << "privileged";
}

TEST(LeaseCandidates, BeginWithTheRememberedNumber) {
  const LeaseTable table = remembering(4100, 3000, "w", kNow - 1'000'000);
  EXPECT_EQ(first(table, request(3000, "w"), 3), (Ports{4100, 3000, 3001}));
  EXPECT_EQ(first(table, request(3000, "other"), 2), (Ports{3000, 3001})) << "not theirs";
  EXPECT_EQ(first(table, request(3001, "w"), 2), (Ports{3001, 3002})) << "another port";
}

TEST(LeaseCandidates, TryTheNumberAskedForBeforeTheRememberedOne) {
  const LeaseTable table = remembering(4100, 3000, "w", kNow);
  EXPECT_EQ(first(table, request(3000, "w", 8080), 4), (Ports{8080, 4100, 8081, 8082}));
}

TEST(LeaseCandidates, TryEveryNumberOnceUntilNoneIsLeft) {
  const Ports all = first({}, request(3000, "w"), 100'000);
  const std::set<std::uint16_t> different(all.begin(), all.end());
  EXPECT_EQ(different.size(), 65536U - 1024U);
  EXPECT_EQ(*different.begin(), 1024);
  EXPECT_EQ(*different.rbegin(), 65535);
  EXPECT_LE(all.size(), 65536U);
}

TEST(LeaseCandidates, DoNotRepeatTheFirstNumbersSoon) {
  const LeaseTable table = remembering(3001, 3000, "w", kNow);
  const Ports ports = first(table, request(3000, "w"), 3);
  EXPECT_EQ(ports[0], 3001);
  EXPECT_EQ(ports[1], 3000);
}

TEST(LeaseCandidates, SkipWhatAnybodyHolds) {
  LeaseTable table;
  table.add(lease(3000, 3000, "other"));
  table.add(lease(3001, 3001, "w"));
  EXPECT_EQ(first(table, request(3000, "w"), 2), (Ports{3002, 3003}));
  EXPECT_EQ(first(table, request(5000, "w", 3001), 1), (Ports{3002}));
}

TEST(LeaseCandidates, SkipTheRememberedNumberWhileAnotherHoldsIt) {
  LeaseTable table = remembering(4100, 3000, "w", kNow - 100);
  table.add(lease(4100, 9000, "other", 2));
  EXPECT_EQ(first(table, request(3000, "w"), 2), (Ports{3000, 3001}));
}

TEST(LeaseCandidates, LeaveAReleasedNumberToItsWorkspaceForThirtySeconds) {
  const LeaseTable table = remembering(3000, 3000, "w", kNow);
  const std::pair<std::int64_t, Ports> cases[] = {{kNow, {3001}},
                                                  {kNow + 1, {3001}},
                                                  {kNow + 29, {3001}},
                                                  {kNow + 30, {3000}},
                                                  {kNow + 31, {3000}}};
  for (const auto& [now, expected] : cases) {
    EXPECT_EQ(first(table, request(3000, "other"), 1, now), expected) << now - kNow;
    EXPECT_EQ(first(table, request(3000, "w"), 1, now), (Ports{3000})) << now - kNow;
    EXPECT_EQ(first(table, request(9999, "w", 3000), 1, now), (Ports{3000})) << "its own";
  }
}

TEST(LeaseCandidates, SurviveReleaseTimesThatMakeNoSense) {
  for (const std::int64_t time : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1},
                                  std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
    const LeaseTable table = remembering(3000, 3000, "w", time);
    const Ports theirs = first(table, request(3000, "other"), 1);
    ASSERT_EQ(theirs.size(), 1U);
    EXPECT_GE(theirs[0], 3000);
    EXPECT_EQ(first(table, request(3000, "w"), 1), (Ports{3000}));
  }
}

TEST(LeaseCandidates, SkipAPrivilegedNumberThatIsRemembered) {
  const LeaseTable table = remembering(80, 80, "w", kNow);
  EXPECT_EQ(first(table, request(80, "w"), 2), (Ports{1024, 1025}));
  LeaseRequest allowed = request(80, "w");
  allowed.may_be_privileged = true;
  EXPECT_EQ(first(table, allowed, 1), (Ports{80}));
}

// --- Entering, releasing, pruning ---

TEST(LeaseTable, AReleasedNumberIsRememberedForItsWorkspaceAndPort) {
  LeaseTable table;
  table.add(lease(3001, 3000, "w"));
  table.release(3001, process(1), kNow);
  EXPECT_TRUE(table.leases().empty());
  ASSERT_EQ(table.reservations().size(), 1U);
  EXPECT_EQ(table.reservations()[0].host_port, 3001);
  EXPECT_EQ(table.reservations()[0].container_port, 3000);
  EXPECT_EQ(table.reservations()[0].workspace, "w");
  EXPECT_EQ(table.reservations()[0].released_at, kNow);
}

TEST(LeaseTable, OnlyTheLastNumberOfAWorkspacesPortIsRemembered) {
  LeaseTable table;
  for (const std::uint16_t host : Ports{3001, 3002, 3003}) {
    table.add(lease(host, 3000, "w"));
    table.release(host, process(1), kNow + host);
  }
  ASSERT_EQ(table.reservations().size(), 1U);
  EXPECT_EQ(table.reservations()[0].host_port, 3003);
}

TEST(LeaseTable, ANumberIsRememberedForItsLastWorkspaceOnly) {
  LeaseTable table;
  for (const char* workspace : {"a", "b"}) {
    table.add(lease(3000, 3000, workspace));
    table.release(3000, process(1), kNow);
  }
  ASSERT_EQ(table.reservations().size(), 1U);
  EXPECT_EQ(table.reservations()[0].workspace, "b");
}

TEST(LeaseTable, AGrantMakesItsReservationsGood) {
  LeaseTable table = remembering(4100, 3000, "w", kNow);
  table.add(lease(4100, 3000, "w", 2));
  EXPECT_TRUE(table.reservations().empty());
  table = remembering(4100, 3000, "w", kNow);
  table.add(lease(5000, 3000, "w", 2));
  EXPECT_TRUE(table.reservations().empty()) << "the same port has another number now";
  table = remembering(4100, 3000, "w", kNow);
  table.add(lease(4100, 7000, "other", 2));
  EXPECT_TRUE(table.reservations().empty()) << "somebody else has the number now";
  table = remembering(4100, 3000, "w", kNow);
  table.add(lease(5000, 3001, "w", 2));
  EXPECT_EQ(table.reservations().size(), 1U) << "another port of the same workspace";
}

TEST(LeaseTable, WhoeverHasBoundANumberReplacesWhatWasRecorded) {
  LeaseTable table;
  table.add(lease(3000, 3000, "old", 1));
  table.add(lease(3000, 3000, "new", 2));
  ASSERT_EQ(table.leases().size(), 1U);
  EXPECT_EQ(table.leases()[0].workspace, "new");
}

TEST(LeaseTable, TheLateCleanupOfAnOldOwnerLeavesItsSuccessorsRecord) {
  LeaseTable table;
  table.add(lease(3000, 3000, "w", 1));
  table.add(lease(3000, 3000, "w", 2));
  table.release(3000, process(1), kNow);
  ASSERT_EQ(table.leases().size(), 1U);
  EXPECT_EQ(table.leases()[0].owner.pid, 2);
  EXPECT_TRUE(table.reservations().empty());
}

TEST(LeaseTable, AnOwnerIsItsPidItsStartAndItsBoot) {
  for (const ProcessIdentity& stranger :
       {ProcessIdentity{2, 1000, "boot"}, ProcessIdentity{1, 1001, "boot"},
        ProcessIdentity{1, 1000, "another boot"}}) {
    LeaseTable table;
    table.add(lease(3000, 3000, "w", 1));
    table.release(3000, stranger, kNow);
    EXPECT_EQ(table.leases().size(), 1U);
    table.set_leases_of(stranger, {});
    EXPECT_EQ(table.leases().size(), 1U);
  }
}

TEST(LeaseTable, ReleasingWhatIsNotHeldChangesNothing) {
  LeaseTable table;
  table.add(lease(3000, 3000, "w"));
  table.release(3001, process(1), kNow);
  EXPECT_EQ(table.leases().size(), 1U);
  EXPECT_TRUE(table.reservations().empty());
}

TEST(LeaseTable, PruningTurnsTheLeasesOfDeadOwnersIntoReservations) {
  LeaseTable table;
  table.add(lease(3000, 3000, "a", 1));
  table.add(lease(3001, 3000, "b", 2));
  table.add(lease(3002, 3002, "a", 1));
  const auto lives = [](const ProcessIdentity& owner) { return owner.pid == 2; };
  EXPECT_TRUE(table.prune(lives, kNow));
  ASSERT_EQ(table.leases().size(), 1U);
  EXPECT_EQ(table.leases()[0].workspace, "b");
  ASSERT_EQ(table.reservations().size(), 2U);
  EXPECT_EQ(table.reservations()[0].host_port, 3000);
  EXPECT_EQ(table.reservations()[1].host_port, 3002);
  EXPECT_FALSE(table.prune(lives, kNow)) << "nothing is left to do";
  EXPECT_EQ(first(table, request(3000, "a"), 1), (Ports{3000}));
}

TEST(LeaseTable, RestoringAnOwnersLeasesTouchesNobodyElses) {
  LeaseTable table;
  table.add(lease(3000, 3000, "a", 1));
  table.add(lease(3001, 3001, "a", 1));
  table.add(lease(4000, 4000, "b", 2));
  table.set_leases_of(process(1), {lease(3001, 3001, "a", 1), lease(3005, 3005, "a", 1)});
  std::set<std::uint16_t> held;
  for (const Lease& entry : table.leases()) held.insert(entry.host_port);
  EXPECT_EQ(held, (std::set<std::uint16_t>{3001, 3005, 4000}));
}

// The number that one pass gives to the next request; 0 = none.
std::uint16_t lease_next(LeaseTable& table, TakenNumbers& taken, std::uint16_t port,
                         const char* workspace) {
  const LeaseRequest wanted = request(port, workspace);
  auto candidates = table.candidates(wanted, kNow, &taken);
  const std::uint16_t number = candidates.next().value_or(0);
  if (number != 0) table.add(lease(number, port, workspace));
  return number;
}

TEST(LeaseCandidates, OfOnePassSkipWhatTheyHaveMetBefore) {
  LeaseTable table;
  for (std::uint16_t port = 3000; port < 3010; ++port) table.add(lease(port, port, "other"));
  TakenNumbers taken;
  taken.take(3010);  // somebody's who is not in the table
  Ports granted;
  for (std::uint16_t port = 3000; port < 3004; ++port) {
    granted.push_back(lease_next(table, taken, port, "w"));
  }
  EXPECT_EQ(granted, (Ports{3011, 3012, 3013, 3014}));
  const LeaseRequest last = request(65535, "w");
  table.add(lease(65535, 1, "other"));
  auto around = table.candidates(last, kNow, &taken);
  EXPECT_EQ(around.next(), 1024);
}

TEST(LeaseCandidates, OfOnePassEndWhenEverythingIsTaken) {
  const LeaseTable table;
  TakenNumbers taken;
  for (std::uint32_t port = 1; port < 65536; ++port) taken.take(static_cast<std::uint16_t>(port));
  const LeaseRequest wanted = request(3000, "w");
  auto candidates = table.candidates(wanted, kNow, &taken);
  EXPECT_EQ(candidates.next(), 3000) << "the preferred one is asked of the kernel";
  EXPECT_EQ(candidates.next(), std::nullopt);
}

// Minutes, if each request looked through all leases, or all numbers.
TEST(LeaseCandidates, AreFoundForTenThousandPortsBesideTenThousand) {
  LeaseTable table;
  for (std::uint16_t port = 20000; port < 30000; ++port) {
    table.add(lease(port, port, "first"));
    if (port % 3 == 0) table.release(port, process(1), kNow);
  }
  TakenNumbers taken;
  std::set<std::uint16_t> granted;
  for (std::uint16_t port = 20000; port < 30000; ++port) {
    granted.insert(lease_next(table, taken, port, "second"));
  }
  EXPECT_EQ(granted.size(), 10'000U);
  EXPECT_EQ(*granted.begin(), 30000) << "what the first one has released is kept for it";
}

TEST(LeaseTable, KeepsOnlySoManyReservations) {
  LeaseTable table;
  constexpr std::size_t kMany = kMaxReservations + 100;
  for (std::size_t i = 0; i < kMany; ++i) {
    const auto host = static_cast<std::uint16_t>(2000 + i);
    table.add(lease(host, host, "w"));
    table.release(host, process(1), kNow + static_cast<std::int64_t>(i));
  }
  ASSERT_EQ(table.reservations().size(), kMaxReservations);
  EXPECT_EQ(table.reservations().front().host_port, 2100) << "the oldest are forgotten";
  EXPECT_EQ(table.reservations().back().host_port, 2000 + kMany - 1);
}

// --- The text ---

std::string sample() {
  LeaseTable table;
  Lease one = lease(3000, 3000, "/home/me/project", 42);
  one.label = "web \"x\" \xc3\xa9";
  table.add(one);
  table.add(lease(3001, 3000, "container:abc", 43));
  table.add(lease(5000, 5000, "w", 44));
  table.release(5000, process(44), kNow);
  return table.to_text();
}

TEST(LeaseTableText, IsReadBackAsItWasWritten) {
  const auto parsed = LeaseTable::parse(sample());
  ASSERT_EQ(parsed.verdict, LeaseTable::Verdict::kUsable);
  ASSERT_EQ(parsed.table.leases().size(), 2U);
  const Lease& one = parsed.table.leases()[0];
  EXPECT_EQ(one.host_port, 3000);
  EXPECT_EQ(one.container_port, 3000);
  EXPECT_EQ(one.container_id, "c-/home/me/project");
  EXPECT_EQ(one.workspace, "/home/me/project");
  EXPECT_EQ(one.label, "web \"x\" \xc3\xa9");
  EXPECT_EQ(one.owner, process(42));
  ASSERT_EQ(parsed.table.reservations().size(), 1U);
  EXPECT_EQ(parsed.table.reservations()[0].released_at, kNow);
  EXPECT_EQ(parsed.table.to_text(), sample());
}

TEST(LeaseTableText, AnEmptyTableIsUsable) {
  const auto parsed = LeaseTable::parse(LeaseTable().to_text());
  EXPECT_EQ(parsed.verdict, LeaseTable::Verdict::kUsable);
  EXPECT_TRUE(parsed.table.leases().empty());
  EXPECT_EQ(json::parse(LeaseTable().to_text()),
            json::parse(R"({"version":1,"entries":[],"reserved":[]})"));
}

TEST(LeaseTableText, HasTheFieldsOfTheContract) {
  const json document = json::parse(sample());
  EXPECT_EQ(document["version"], 1);
  for (const char* field : {"host_port", "container_port", "container_id", "workspace", "label",
                            "pid", "start_ticks", "boot_id"}) {
    EXPECT_TRUE(document["entries"][0].contains(field)) << field;
  }
  for (const char* field : {"host_port", "container_port", "workspace", "released_at"}) {
    EXPECT_TRUE(document["reserved"][0].contains(field)) << field;
  }
}

TEST(LeaseTableText, IsCorruptWhereverItIsCutOff) {
  const std::string text = sample();
  // The last two bytes are the closing bracket and the newline.
  for (std::size_t size = 0; size + 2 <= text.size(); ++size) {
    EXPECT_EQ(LeaseTable::parse(text.substr(0, size)).verdict, LeaseTable::Verdict::kCorrupt)
        << size;
  }
  EXPECT_EQ(LeaseTable::parse(text.substr(0, text.size() - 1)).verdict,
            LeaseTable::Verdict::kUsable);
}

TEST(LeaseTableText, SurvivesAnyDamagedByte) {
  const std::string text = sample();
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char damage : {'\0', '\xff', '"', '}', '9', ' '}) {
      std::string damaged = text;
      damaged[at] = damage;
      const auto parsed = LeaseTable::parse(damaged);
      if (parsed.verdict == LeaseTable::Verdict::kUsable) (void)parsed.table.to_text();
    }
  }
}

TEST(LeaseTableText, IsCorruptIfALineMakesNoSense) {
  const char* cases[] = {
      "",
      " ",
      "null",
      "[]",
      "7",
      "\"text\"",
      "{}",
      R"({"version":1})",
      R"({"entries":[]})",
      R"({"version":0,"entries":[]})",
      R"({"version":-1,"entries":[]})",
      R"({"version":"1","entries":[]})",
      R"({"version":null,"entries":[]})",
      R"({"version":1.5,"entries":[]})",
      R"({"version":1e300,"entries":[]})",
      R"({"version":1,"entries":7})",
      R"({"version":1,"entries":"x"})",
      R"({"version":1,"entries":[7]})",
      R"({"version":1,"entries":[null]})",
      R"({"version":1,"entries":[{}]})",
      R"({"version":1,"entries":[],"reserved":[{}]})",
      R"({"version":1,"entries":[],"reserved":[7]})",
      R"({"version":1,"entries":[]}x)",
      R"({"version":1,"entries":[]}{"version":1,"entries":[]})",
  };
  for (const char* text : cases) {
    EXPECT_EQ(LeaseTable::parse(text).verdict, LeaseTable::Verdict::kCorrupt) << text;
  }
}

TEST(LeaseTableText, IsCorruptIfAFieldIsMissingOrOfTheWrongKind) {
  const json good = json::parse(sample());
  ASSERT_EQ(LeaseTable::parse(good.dump()).verdict, LeaseTable::Verdict::kUsable);
  for (const char* list : {"entries", "reserved"}) {
    for (const auto& [field, value] : good[list][0].items()) {
      if (field != "label") {
        json bad = good;
        bad[list][0].erase(field);
        EXPECT_EQ(LeaseTable::parse(bad.dump()).verdict, LeaseTable::Verdict::kCorrupt)
            << list << " without " << field;
      }
      for (const json& wrong :
           {json(), json::array(), json::object(), value.is_string() ? json(7) : json("7")}) {
        json bad = good;
        bad[list][0][field] = wrong;
        EXPECT_EQ(LeaseTable::parse(bad.dump()).verdict, LeaseTable::Verdict::kCorrupt)
            << list << " " << field << " " << wrong;
      }
    }
    for (const char* field : {"host_port", "container_port"}) {
      for (const json& port :
           {json(0), json(-1), json(65536), json(1LL << 40), json(true), json(80.5), json(1e300)}) {
        json bad = good;
        bad[list][0][field] = port;
        EXPECT_EQ(LeaseTable::parse(bad.dump()).verdict, LeaseTable::Verdict::kCorrupt)
            << field << " " << port;
      }
    }
  }
}

TEST(LeaseTableText, OfANewerVersionIsRecognised) {
  for (const char* text :
       {R"({"version":2,"entries":[]})", R"({"version":2})", R"({"version":99,"something":"else"})",
        R"({"version":2147483647,"entries":{"a":1}})"}) {
    EXPECT_EQ(LeaseTable::parse(text).verdict, LeaseTable::Verdict::kNewerVersion) << text;
  }
}

TEST(LeaseTableText, WithoutReservationsIsUsable) {
  EXPECT_EQ(LeaseTable::parse(R"({"version":1,"entries":[]})").verdict,
            LeaseTable::Verdict::kUsable);
}

TEST(LeaseTableText, IsNotHurtByDeepNesting) {
  const std::string deep = R"({"version":1,"entries":[],"x":)" + std::string(100'000, '[') +
                           std::string(100'000, ']') + "}";
  (void)LeaseTable::parse(deep);
  EXPECT_EQ(LeaseTable::parse(std::string(1'000'000, '[')).verdict, LeaseTable::Verdict::kCorrupt);
}

TEST(LeaseTableText, KeepsUnknownFieldsAtEveryLevel) {
  json document = json::parse(sample());
  document["since"] = {{"deep", {1, 2, 3}}};
  document["entries"][0]["relay"] = "namespace";
  document["entries"][1]["extra"] = {1, nullptr};
  document["reserved"][0]["why"] = "released";
  auto parsed = LeaseTable::parse(document.dump());
  ASSERT_EQ(parsed.verdict, LeaseTable::Verdict::kUsable);
  // A change that concerns none of them.
  parsed.table.add(lease(7000, 7000, "new", 9));
  parsed.table.release(7000, process(9), kNow);
  const json written = json::parse(parsed.table.to_text());
  EXPECT_EQ(written["since"], document["since"]);
  EXPECT_EQ(written["entries"][0], document["entries"][0]);
  EXPECT_EQ(written["entries"][1], document["entries"][1]);
  EXPECT_EQ(written["reserved"][0], document["reserved"][0]);
}

TEST(LeaseTableText, IsValidWhateverBytesALabelHas) {
  LeaseTable table;
  Lease odd = lease(3000, 3000, std::string("\xff\xfe/w\n\0x", 7));
  odd.label = std::string("\x80\x1b[31m\"\\", 8);
  table.add(odd);
  EXPECT_EQ(LeaseTable::parse(table.to_text()).verdict, LeaseTable::Verdict::kUsable);
}

}  // namespace
}  // namespace fairlead::registry
