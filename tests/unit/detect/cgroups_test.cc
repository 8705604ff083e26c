#include "detect/cgroups.h"

#include <gtest/gtest.h>

namespace fairlead::detect {
namespace {

using namespace std::string_view_literals;

constexpr auto kVersion1 =
    "12:freezer:/docker/abc\n"
    "11:memory:/docker/abc\n"
    "4:cpu,cpuacct:/docker/abc\n"
    "1:name=systemd:/docker/abc\n"
    "0::/docker/abc/unified\n"sv;
constexpr auto kVersion2 = "0::/system.slice/docker-abc.scope\n"sv;

TEST(CgroupPath, FindsTheControllersGroup) {
  struct Case {
    std::string_view text;
    const char* controller;
    std::optional<std::string> path;
  };
  const Case cases[] = {
      {kVersion1, "cpuacct", "/docker/abc"},
      {kVersion1, "cpu", "/docker/abc"},
      {kVersion1, "", "/docker/abc/unified"},
      {kVersion1, "name=systemd", "/docker/abc"},
      {kVersion1, "cpuset", std::nullopt},
      {kVersion1, "cpuacc", std::nullopt},
      {kVersion1, "acct", std::nullopt},
      {kVersion2, "", "/system.slice/docker-abc.scope"},
      {kVersion2, "cpuacct", std::nullopt},
      {"", "", std::nullopt},
      {"no colons\n0:\n:\n", "", std::nullopt},
      {"3:cpuacct:/with:colons/in it\n", "cpuacct", "/with:colons/in it"},
      {"3:cpuacct,cpu:/last line without newline", "cpu", "/last line without newline"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(cgroup_path(c.text, c.controller), c.path) << c.text << " for " << c.controller;
  }
}

constexpr auto kHybridMounts =
    "24 30 0:22 / /proc rw,relatime shared:5 - proc proc rw\n"
    "33 32 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
    "36 32 0:32 /docker/abc /other/place rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
    "37 32 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpu,cpuacct\n"
    "38 32 0:33 / /sys/fs/cgroup/memory rw,nosuid master:1 shared:12 - cgroup cgroup rw,memory\n"sv;

TEST(CgroupMount, FindsWhereTheHierarchyIsMountedWhole) {
  EXPECT_EQ(cgroup_mount(kHybridMounts, ""), "/sys/fs/cgroup/unified");
  EXPECT_EQ(cgroup_mount(kHybridMounts, "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(cgroup_mount(kHybridMounts, "memory"), "/sys/fs/cgroup/memory");
  EXPECT_EQ(cgroup_mount(kHybridMounts, "freezer"), std::nullopt);
  EXPECT_EQ(cgroup_mount(kHybridMounts, "rw"), "/sys/fs/cgroup/cpu,cpuacct");
}

TEST(CgroupMount, GetsNothingOutOfBrokenLines) {
  for (const auto text : {""sv, "\n\n"sv, "1 2 3 / /x rw"sv, " - \n"sv, "- cgroup2 x y\n"sv,
                          "1 2 0:1 /sub /x rw - cgroup2 cgroup2 rw\n"sv}) {
    EXPECT_EQ(cgroup_mount(text, ""), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace fairlead::detect
