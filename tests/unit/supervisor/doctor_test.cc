// The words of `doctor`: facts in, findings out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include <cerrno>

#include "supervisor/doctor/engines.h"
#include "supervisor/doctor/guards.h"
#include "supervisor/doctor/kernel.h"
#include "supervisor/doctor/permissions.h"
#include "supervisor/doctor/state.h"

namespace fairlead::doctor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Finding find(const Findings& findings, const std::string& name) {
  for (const Finding& one : findings) {
    if (one.name == name) return one;
  }
  ADD_FAILURE() << "no finding is called " << name;
  return {};
}

engine::EngineFacts answering() {
  engine::EngineFacts facts;
  facts.name = facts.command = "docker";
  facts.socket = "/run/engine.sock";
  facts.command_found = facts.answers = true;
  facts.version = "20.10";
  return facts;
}

engine::EngineFacts refusing(int failure) {
  engine::EngineFacts facts = answering();
  facts.answers = false;
  facts.connect_error = failure;
  return facts;
}

const engine::NativeFacts kNative{true, {}};

Finding judged(const engine::EngineFacts& facts) {
  return find(judge_engines({facts}, kNative), "docker");
}

TEST(DoctorEngines, OneThatAnswersIsFineWithItsVersion) {
  const Finding finding = judged(answering());
  EXPECT_EQ(finding.status, Status::kOk);
  EXPECT_THAT(finding.words, AllOf(HasSubstr("20.10"), HasSubstr("/run/engine.sock")));
  EXPECT_EQ(finding.fix, "");
}

TEST(DoctorEngines, ARefusalNamesTheGroupToJoin) {
  engine::EngineFacts facts = refusing(EACCES);
  facts.group = "docker";
  EXPECT_EQ(judged(facts).status, Status::kBroken);
  EXPECT_EQ(judged(facts).fix, "sudo usermod -aG docker $USER");
  facts.group = "";
  EXPECT_THAT(judged(facts).fix, HasSubstr("sudo fairlead"));
}

TEST(DoctorEngines, OneThatDoesNotRunIsToBeStarted) {
  for (const int failure : {ENOENT, ECONNREFUSED}) {
    engine::EngineFacts facts = refusing(failure);
    facts.has_systemd = true;
    EXPECT_EQ(judged(facts).status, Status::kBroken);
    EXPECT_THAT(judged(facts).words, HasSubstr("not running"));
    EXPECT_EQ(judged(facts).fix, "sudo systemctl start docker");
    facts.has_systemd = false;
    EXPECT_EQ(judged(facts).fix, "sudo service docker start");
    facts.chosen_by = "DOCKER_HOST";
    EXPECT_EQ(judged(facts).fix, "unset DOCKER_HOST");
    EXPECT_THAT(judged(facts).words, HasSubstr("DOCKER_HOST"));
  }
}

TEST(DoctorEngines, OneThatIsNotInstalledIsMissingAndNothingMore) {
  engine::EngineFacts facts = refusing(ENOENT);
  facts.command_found = false;
  facts.has_apt = true;
  EXPECT_EQ(judged(facts).status, Status::kMissing);
  EXPECT_THAT(judged(facts).fix, HasSubstr("apt-get install"));
  EXPECT_FALSE(wants_attention(judge_engines({facts}, kNative)));
  const Findings nothing = judge_engines({facts}, {false, "cannot make a user namespace"});
  EXPECT_TRUE(wants_attention(nothing)) << "neither an engine nor run";
}

TEST(DoctorEngines, OneWithoutItsCommandIsBroken) {
  engine::EngineFacts facts = answering();
  facts.command_found = false;
  EXPECT_EQ(judged(facts).status, Status::kBroken);
  const Findings relays = judge_relays({facts}, kNative, {true, false, ""});
  EXPECT_EQ(find(relays, "docker/exec").status, Status::kMissing);
}

TEST(DoctorEngines, UnsupportedOnesAreNamedAndNotWrong) {
  engine::EngineFacts facts;
  facts.name = "podman";
  facts.supported = false;
  const Findings findings = judge_engines({facts, answering()}, kNative);
  EXPECT_THAT(find(findings, "podman").words,
              AllOf(HasSubstr("not installed"), HasSubstr("not supported by this fairlead yet")));
  EXPECT_FALSE(wants_attention(findings));
}

TEST(DoctorEngines, ARefusedRunBringsTheSettingsCommand) {
  const Findings findings = judge_engines(
      {answering()},
      {false,
       "cannot make a user namespace: Operation not permitted "
       "(user.max_user_namespaces is 0; as root: sysctl -w user.max_user_namespaces=15000)"});
  EXPECT_EQ(find(findings, "native").fix, "sudo sysctl -w user.max_user_namespaces=15000");
}

TEST(DoctorState, SaysForWhomABridgeIsGuarded) {
  GuardFacts facts;
  relay::Guard::State& state = facts.state;
  state.tables = {"fairlead-a"};
  state.ledger.bridges["br-one"].owners = {{"fairlead-a", 12}, {"fairlead-b", 13}};
  state.ledger.bridges["br-two"].owners = {{"fairlead-b", 13}};
  state.ledger.bridges["br-three"];
  const Findings findings = judge_guards(facts);
  EXPECT_EQ(find(findings, "guard of br-one").status, Status::kOk);
  EXPECT_THAT(find(findings, "guard of br-one").words, HasSubstr("for process 12"));
  EXPECT_EQ(find(findings, "guard of br-two").status, Status::kBroken);
  EXPECT_THAT(find(findings, "guard of br-two").words, HasSubstr("process 13 was killed"));
  EXPECT_EQ(find(findings, "guard of br-two").fix, "sudo fairlead doctor --repair");
  EXPECT_EQ(find(findings, "guard of br-three").status, Status::kBroken);
  EXPECT_TRUE(judge_guards({}).empty());
}

TEST(DoctorRelays, FollowFromWhatIsPermitted) {
  const Findings root = judge_relays({answering()}, kNative, {true, false, ""});
  EXPECT_EQ(find(root, "docker/namespace").status, Status::kOk);
  EXPECT_EQ(find(root, "docker/direct").status, Status::kOk);
  EXPECT_EQ(find(root, "docker/exec").status, Status::kOk);
  EXPECT_EQ(find(root, "docker/nat").status, Status::kOk);
  EXPECT_EQ(find(root, "native/nat").status, Status::kMissing);
  const RelayFacts without_bpf{true, false, "load a BPF program: Operation not permitted"};
  EXPECT_EQ(find(judge_relays({answering()}, kNative, without_bpf), "docker/nat").words,
            without_bpf.nat_trouble);
  EXPECT_EQ(find(root, "native/namespace").status, Status::kOk);
  EXPECT_EQ(find(root, "native/direct").status, Status::kMissing);

  const Findings ordinary = judge_relays({answering()}, kNative, {});
  EXPECT_EQ(find(ordinary, "docker/namespace").status, Status::kMissing);
  EXPECT_THAT(find(ordinary, "docker/nat").words, HasSubstr("CAP_BPF"));
  EXPECT_THAT(find(ordinary, "docker/namespace").words, HasSubstr("CAP_SYS_ADMIN"));
  EXPECT_EQ(find(judge_relays({answering()}, kNative, {true, true, ""}), "docker/namespace").status,
            Status::kUnknown);

  const Findings silent = judge_relays({refusing(ECONNREFUSED)}, {false, "no"}, {true, false, ""});
  for (const char* name :
       {"docker/namespace", "docker/direct", "docker/exec", "native/namespace"}) {
    EXPECT_EQ(find(silent, name).status, Status::kMissing) << name;
  }
}

TEST(DoctorPermissions, WhatIsNotHeldCostsSomethingAndIsNotWrong) {
  PermissionFacts facts;
  facts.user = 1000;
  facts.perf_error = EACCES;
  facts.perf_event_paranoid = 3;
  facts.descriptors = 65536;
  const Findings findings = judge_permissions(facts);
  EXPECT_EQ(find(findings, "CAP_SYS_ADMIN").status, Status::kMissing);
  EXPECT_THAT(find(findings, "activity-monitor").words,
              AllOf(HasSubstr("CAP_PERFMON"), HasSubstr("perf_event_paranoid is 3")));
  EXPECT_FALSE(wants_attention(findings));
  facts.capabilities = 1ULL << CAP_SYS_ADMIN;
  EXPECT_EQ(find(judge_permissions(facts), "CAP_SYS_ADMIN").status, Status::kOk);
}

TEST(DoctorPermissions, HiddenProcessesAndFewDescriptorsAreNamed) {
  PermissionFacts facts;
  facts.user = 1000;
  facts.hidepid = "invisible";
  facts.descriptors = 256;
  const Findings findings = judge_permissions(facts);
  EXPECT_THAT(find(findings, "hidepid").words, HasSubstr("hidepid=invisible"));
  EXPECT_EQ(find(findings, "descriptors").status, Status::kBroken);
  facts.user = 0;
  EXPECT_EQ(find(judge_permissions(facts), "hidepid").status, Status::kOk);
}

TEST(DoctorKernel, WhatALesserKernelCostsIsSaid) {
  KernelFacts facts;
  facts.pipe_bytes = 1 << 20;
  facts.cgroup_mount = "/sys/fs/cgroup";
  for (const Finding& one : judge_kernel(facts)) EXPECT_EQ(one.status, Status::kOk) << one.name;
  facts.pidfd_error = facts.cookie_error = ENOSYS;
  facts.diag_trouble = "no such family";
  facts.cgroup_mount = "";
  facts.pipe_bytes = 4096;
  facts.pipe_pages_soft = 1;
  facts.v6_loopback_error = EADDRNOTAVAIL;
  const Findings lesser = judge_kernel(facts);
  EXPECT_EQ(find(lesser, "pidfd").status, Status::kBroken);
  for (const char* name : {"netns-cookie", "sock-diag", "cgroup-v2", "pipes", "ipv6-loopback"}) {
    EXPECT_EQ(find(lesser, name).status, Status::kMissing) << name;
  }
  EXPECT_THAT(find(lesser, "pipes").fix, HasSubstr("fs.pipe-user-pages-soft"));
}

StateFacts used() {
  StateFacts facts;
  facts.path = "/state";
  facts.exists = true;
  facts.free_bytes = 1 << 30;
  return facts;
}

TEST(DoctorState, AnOrderlyOneIsFine) {
  StateFacts facts = used();
  facts.running.push_back({"0123456789ab", "web", 7, true});
  const Findings findings = judge_state(facts);
  EXPECT_FALSE(wants_attention(findings));
  EXPECT_THAT(find(findings, "supervisor web").words, HasSubstr("process 7"));
  EXPECT_FALSE(wants_attention(judge_state({}))) << "none is there yet";
}

TEST(DoctorState, WhatAKilledSupervisorLeftIsNamedWithTheRepair) {
  StateFacts facts = used();
  facts.remains.push_back({"0123456789ab", "web", 7, {"0123456789ab.json"}, false});
  facts.dead_leases = facts.leases = 2;
  facts.temporary = {".forwarded_ports.json.7.0"};
  facts.brief_locks = {"name-web.lock"};
  const Findings findings = judge_state(facts);
  EXPECT_THAT(find(findings, "supervisor web").words,
              AllOf(HasSubstr("killed"), HasSubstr("process 7"), HasSubstr("0123456789ab.json")));
  for (const char* name :
       {"supervisor web", "registry", "file .forwarded_ports.json.7.0", "lock name-web.lock"}) {
    EXPECT_EQ(find(findings, name).status, Status::kBroken) << name;
    EXPECT_EQ(find(findings, name).fix, "fairlead doctor --repair") << name;
  }
}

TEST(DoctorState, ARunThatGoesOnIsNotToBeRepairedAway) {
  StateFacts facts = used();
  facts.remains.push_back({"0123456789ab", "web", 7, {"0123456789ab.json"}, true});
  EXPECT_EQ(find(judge_state(facts), "supervisor web").fix, "fairlead forward web");
}

TEST(DoctorState, ADirectoryThatCannotBeUsedIsBroken) {
  StateFacts facts = used();
  facts.free_bytes = 0;
  EXPECT_EQ(find(judge_state(facts), "directory").status, Status::kBroken);
  facts.trouble = "directory /state belongs to user 1, not to us";
  EXPECT_THAT(find(judge_state(facts), "directory").words, HasSubstr("belongs to user 1"));
  StateFacts absent;
  absent.creatable = false;
  EXPECT_TRUE(wants_attention(judge_state(absent)));
}

TEST(DoctorReport, IsOneRowPerFindingWhateverItSays) {
  const Findings findings{{"state", "file a\tb", Status::kBroken, "x\ny", "rm 'a b'"},
                          {"state", "c", Status::kOk, "fine", ""}};
  EXPECT_EQ(to_rows(findings), "state\tfile a?b\tbroken\tx?y\trm 'a b'\nstate\tc\tok\tfine\t-\n");
  EXPECT_THAT(to_report(findings), AllOf(HasSubstr("fix: rm"), Not(HasSubstr("a\tb"))));
  EXPECT_EQ(to_json(findings)[1]["fix"], nullptr);
  EXPECT_EQ(to_json(findings)[0]["status"], "broken");
}

TEST(DoctorReport, QuotesWordsForTheShell) {
  EXPECT_EQ(shell_word("web-1"), "web-1");
  EXPECT_EQ(shell_word("it's; rm"), "'it'\\''s; rm'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace fairlead::doctor
