#include "supervisor/engine/native_refusal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace fairlead::engine {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// An ordinary machine that permits everything.
NamespaceSettings permissive() {
  NamespaceSettings settings;
  settings.max_user_namespaces = 15000;
  settings.max_network_namespaces = 15000;
  return settings;
}

NamespaceSettings restricted_by_apparmor() {
  NamespaceSettings settings = permissive();
  settings.unprivileged_user_namespaces = 1;
  settings.apparmor_restricts_user_namespaces = 1;
  return settings;
}

TEST(Refusal, NamesUserNamespacesThatAreSwitchedOff) {
  NamespaceSettings settings = permissive();
  settings.max_user_namespaces = 0;
  for (const int failure : {ENOSPC, EUSERS}) {
    EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, failure, settings),
                AllOf(HasSubstr("user.max_user_namespaces is 0"),
                      HasSubstr("sysctl -w user.max_user_namespaces=15000")));
  }
}

TEST(Refusal, NamesALimitThatIsReached) {
  EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, ENOSPC, permissive()),
              AllOf(HasSubstr("user.max_user_namespaces"), HasSubstr("15000"),
                    Not(HasSubstr("sysctl -w"))));
  EXPECT_THAT(explain_refusal(NativeStep::kNetworkNamespace, ENOSPC, permissive()),
              AllOf(HasSubstr("user.max_net_namespaces"), Not(HasSubstr("max_user_namespaces"))));
}

TEST(Refusal, NamesNetworkNamespacesThatAreSwitchedOff) {
  NamespaceSettings settings = permissive();
  settings.max_network_namespaces = 0;
  EXPECT_THAT(explain_refusal(NativeStep::kNetworkNamespace, ENOSPC, settings),
              HasSubstr("sysctl -w user.max_net_namespaces=15000"));
}

TEST(Refusal, NamesDebiansSettingForOrdinaryUsersOnly) {
  NamespaceSettings settings = permissive();
  settings.unprivileged_user_namespaces = 0;
  const auto text = [&] { return explain_refusal(NativeStep::kUserNamespace, EPERM, settings); };
  EXPECT_THAT(text(), HasSubstr("sysctl -w kernel.unprivileged_userns_clone=1"));
  settings.privileged = true;
  EXPECT_THAT(text(), Not(HasSubstr("kernel.unprivileged_userns_clone")));
}

TEST(Refusal, NamesAppArmorsSettingAtWhicheverStepItBites) {
  for (const NativeStep step : {NativeStep::kUserNamespace, NativeStep::kIdentityMap,
                                NativeStep::kNetworkNamespace, NativeStep::kLoopback}) {
    for (const int failure : {EPERM, EACCES}) {
      EXPECT_THAT(explain_refusal(step, failure, restricted_by_apparmor()),
                  AllOf(HasSubstr("kernel.apparmor_restrict_unprivileged_userns is 1"),
                        HasSubstr("sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")));
    }
  }
}

TEST(Refusal, BlamesNoSettingThatIsNotToBlame) {
  EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, ENOMEM, restricted_by_apparmor()),
              Not(HasSubstr("apparmor")));
  EXPECT_THAT(explain_refusal(NativeStep::kNetworkNamespace, EPERM, permissive()),
              Not(HasSubstr("user.max")));
  EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, EPERM, permissive()),
              AllOf(HasSubstr("chroot"), Not(HasSubstr("sysctl"))));
}

TEST(Refusal, NamesASeccompFilterWhereNothingElseExplainsIt) {
  NamespaceSettings settings = permissive();
  settings.seccomp = true;
  EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, EPERM, settings), HasSubstr("seccomp"));
  settings.unprivileged_user_namespaces = 0;
  EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, EPERM, settings),
              Not(HasSubstr("seccomp")));
}

TEST(Refusal, NamesAKernelWithoutNamespaces) {
  EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, EINVAL, {}), HasSubstr("CONFIG_USER_NS"));
  EXPECT_THAT(explain_refusal(NativeStep::kNetworkNamespace, EINVAL, {}),
              HasSubstr("CONFIG_NET_NS"));
}

TEST(Refusal, SaysWhatWasTried) {
  EXPECT_THAT(explain_refusal(NativeStep::kUserNamespace, EIO, {}),
              HasSubstr("cannot make a user namespace: "));
  EXPECT_THAT(explain_refusal(NativeStep::kIdentityMap, EIO, {}), HasSubstr("map the user"));
  EXPECT_THAT(explain_refusal(NativeStep::kNetworkNamespace, EIO, {}),
              HasSubstr("cannot make a network namespace: "));
  EXPECT_THAT(explain_refusal(NativeStep::kLoopback, EIO, {}), HasSubstr("loopback"));
}

}  // namespace
}  // namespace fairlead::engine
