#include "supervisor/workspace/service_supervisors.h"

#include <gtest/gtest.h>

namespace fairlead::workspace {
namespace {

using config::DeclaredPort;

target::Target container(const std::string& id, const std::string& service,
                         const std::string& number = "1") {
  target::Target result;
  result.id = id;
  result.name = "p_" + service + "_" + number;
  result.running = true;
  result.labels = {{"com.docker.compose.project", "p"},
                   {"com.docker.compose.service", service},
                   {"com.docker.compose.container-number", number},
                   {"com.docker.compose.oneoff", "False"}};
  return result;
}

std::string ids(const std::vector<target::Target>& containers) {
  std::string text;
  for (const target::Target& one : containers) text += one.id + " ";
  return text;
}

TEST(OtherServices, AreThoseThatRunBesideTheWorkspaces) {
  const target::Target main = container("m", "app");
  target::Target stopped = container("s", "stopped");
  stopped.running = false;
  target::Target one_off = container("o", "job");
  one_off.labels["com.docker.compose.oneoff"] = "True";
  target::Target on_host = container("h", "host");
  on_host.host_network = true;
  EXPECT_EQ(ids(other_services({container("d10", "db", "10"), main, stopped, one_off, on_host,
                                container("d2", "db", "2"), container("c", "cache")},
                               main)),
            "c d2 d10 ");
}

TEST(OtherServices, OnTheHostsNetworkAreNamedOnce) {
  const auto on_host = [](target::Target one) {
    one.host_network = true;
    return one;
  };
  const target::Target main = on_host(container("m", "app"));
  target::Target stopped = on_host(container("s", "stopped"));
  stopped.running = false;
  target::Target one_off = on_host(container("o", "job"));
  one_off.labels["com.docker.compose.oneoff"] = "True";
  EXPECT_EQ(services_on_host_network({main, stopped, one_off, on_host(container("p1", "proxy")),
                                      on_host(container("p2", "proxy", "2")), container("d", "db")},
                                     main),
            (std::set<std::string>{"proxy"}));
}

TEST(ServiceSupervisors, GetTheDeclaredPortsThatNameTheirService) {
  daemon::SupervisorConfig main;
  main.container_id = "m";
  main.workspace = "/w";
  main.rules.max_auto_forwards = 7;
  main.rules.declared = {{3000, "", 0}, {5432, "db", 15432}, {5432, "cache", 0}, {80, "far", 0}};
  const auto configs = service_supervisors(
      main, {container("c", "cache"), container("d1", "db"), container("d2", "db", "2")});
  ASSERT_EQ(configs.size(), 3U);
  EXPECT_EQ(main.rules.declared, (std::vector<DeclaredPort>{{3000, "", 0}, {80, "far", 0}}));
  EXPECT_EQ(main.rules.service, "");
  EXPECT_EQ(configs[0].rules.declared, (std::vector<DeclaredPort>{{5432, "", 0}}));
  EXPECT_EQ(configs[1].rules.declared, (std::vector<DeclaredPort>{{5432, "", 15432}}));
  EXPECT_EQ(configs[2].rules.declared, std::vector<DeclaredPort>{});
  EXPECT_EQ(configs[0].rules.service, "cache");
  EXPECT_EQ(configs[0].container_id, "c");
  EXPECT_EQ(configs[0].container_name, "p_cache_1");
  EXPECT_EQ(configs[0].workspace, "/w");
  EXPECT_EQ(configs[0].rules.max_auto_forwards, 7U);
}

}  // namespace
}  // namespace fairlead::workspace
