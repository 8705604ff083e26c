// Docker's answers, friendly and hostile.
#include "supervisor/engine/docker_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fairlead::engine {
namespace {

using nlohmann::json;
using target::Target;

constexpr const char* kContainer = R"({
  "Id": "0123456789abcdef", "Name": "/box", "Created": "2026-01-01T00:00:00.1Z",
  "State": {"Status": "running", "Running": true, "Paused": false, "Pid": 4242,
            "StartedAt": "2026-01-02T00:00:00Z"},
  "HostConfig": {"NetworkMode": "bridge"},
  "Config": {"User": "node", "Labels": {"a": "1", "b": ""}},
  "NetworkSettings": {
    "Ports": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4001"},
                           {"HostIp": "::1", "HostPort": "4001"}],
              "5000/tcp": null, "6000/udp": [{"HostIp": "0.0.0.0", "HostPort": "6000"}]},
    "Networks": {"bridge": {"IPAddress": "172.17.0.2", "GlobalIPv6Address": ""},
                 "v6": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"}}}})";

Target parsed(const std::string& body) {
  auto container = parse_docker_container(body);
  if (!container) {
    ADD_FAILURE() << container.error().message();
    return {};
  }
  return *container;
}

TEST(DockerContainer, IsReadWhole) {
  const Target container = parsed(kContainer);
  EXPECT_EQ(container.engine, "docker");
  EXPECT_EQ(container.id, "0123456789abcdef");
  EXPECT_EQ(container.name, "box");
  EXPECT_TRUE(container.running);
  EXPECT_FALSE(container.paused);
  EXPECT_EQ(container.init_pid, 4242);
  EXPECT_EQ(container.started_at, "2026-01-02T00:00:00Z");
  EXPECT_EQ(container.created_at, "2026-01-01T00:00:00.1Z");
  EXPECT_FALSE(container.host_network);
  EXPECT_EQ(container.network_owner, "");
  EXPECT_EQ(container.user, "node");
  EXPECT_EQ(container.labels, (std::map<std::string, std::string>{{"a", "1"}, {"b", ""}}));
  ASSERT_EQ(container.published.size(), 2U);
  EXPECT_EQ(container.published[0].container_port, 4000);
  EXPECT_EQ(container.published[0].host.to_string(), "127.0.0.1:4001");
  EXPECT_EQ(container.published[1].host.to_string(), "[::1]:4001");
  std::vector<std::string> addresses;
  for (const auto& address : container.addresses) addresses.push_back(address.to_string());
  EXPECT_EQ(addresses, (std::vector<std::string>{"172.17.0.2", "fd00::2"}));
}

TEST(DockerContainer, NeedsNothingButAnId) {
  const Target container = parsed(R"({"Id":"x"})");
  EXPECT_EQ(container.id, "x");
  EXPECT_FALSE(container.running);
  EXPECT_EQ(container.init_pid, 0);
}

TEST(DockerContainer, KnowsNetworksThatAreNotItsOwn) {
  const auto with_mode = [](const std::string& mode) {
    return parsed(R"({"Id":"x","HostConfig":{"NetworkMode":")" + mode + "\"}}");
  };
  EXPECT_TRUE(with_mode("host").host_network);
  EXPECT_FALSE(with_mode("hosts").host_network);
  EXPECT_EQ(with_mode("container:abc").network_owner, "abc");
  EXPECT_EQ(with_mode("default").network_owner, "");
}

TEST(DockerContainer, EmptyHostAddressMeansAny) {
  const Target container = parsed(
      R"({"Id":"x","NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}}})");
  ASSERT_EQ(container.published.size(), 1U);
  EXPECT_EQ(container.published[0].host.to_string(), "0.0.0.0:8080");
}

TEST(DockerContainer, SkipsPortsThatMakeNoSense) {
  for (const char* ports :
       {R"({"x/tcp":[{"HostPort":"1"}]})", R"({"0/tcp":[{"HostPort":"1"}]})",
        R"({"65536/tcp":[{"HostPort":"1"}]})", R"({"-1/tcp":[{"HostPort":"1"}]})",
        R"({"80/sctp":[{"HostPort":"1"}]})", R"({"80":[{"HostPort":"1"}]})",
        R"({"":[{"HostPort":"1"}]})", R"({"80/tcp":[7,null,"x",[]]})", R"({"80/tcp":"x"})",
        R"({"80/tcp":{}})", R"({"80/tcp":[]})", "[]", "7", "null"}) {
    const Target container =
        parsed(R"({"Id":"x","NetworkSettings":{"Ports":)" + std::string(ports) + "}}");
    EXPECT_TRUE(container.published.empty()) << ports;
  }
}

TEST(DockerContainer, TakesAWrongKindForAbsence) {
  // Every value of the document, one by one, replaced by every kind of value.
  const json whole = json::parse(kContainer);
  const json flat = whole.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    for (const char* other : {"null", "true", "7", "-7.5", "\"x\"", "[]", "{}", "[[]]",
                              R"({"a":{}})", "18446744073709551615"}) {
      json changed = whole;
      changed[json::json_pointer(pointer)] = json::parse(other);
      EXPECT_NO_THROW({
        const auto container = parse_docker_container(changed.dump());
        EXPECT_TRUE(container || pointer == "/Id") << pointer << " " << other;
      });
    }
  }
  for (const char* branch : {"State", "HostConfig", "Config", "NetworkSettings"}) {
    for (const char* other : {"null", "true", "7", "\"x\"", "[]", "[{}]"}) {
      json changed = whole;
      changed[branch] = json::parse(other);
      EXPECT_TRUE(parse_docker_container(changed.dump())) << branch << " " << other;
    }
  }
}

TEST(DockerContainer, HasNoPidThatCannotBeOne) {
  for (const char* pid : {"-1", "-4242", "18446744073709551615", "1.5", "\"1\"", "null", "true"}) {
    EXPECT_EQ(parsed(R"({"Id":"x","State":{"Pid":)" + std::string(pid) + "}}").init_pid, 0) << pid;
  }
}

TEST(DockerContainer, RefusesWhatIsNoContainer) {
  for (const char* body : {"", " ", "null", "[]", "7", "\"x\"", "{}", R"({"Id":7})", R"({"Id":""})",
                           R"({"Id":"../../x"})", R"({"Id":".."})", R"({"Id":"a\u0000"})",
                           R"({"Id":null})", "{\"Id\":\"x\"", "<html>", R"([{"Id":"x"}])"}) {
    const auto container = parse_docker_container(body);
    ASSERT_FALSE(container) << body;
    EXPECT_NE(container.error().message().find("makes no sense"), std::string::npos);
  }
}

TEST(DockerContainer, RefusesWhateverIsCutOff) {
  const std::string body = kContainer;
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(parse_docker_container(body.substr(0, size))) << size;
  }
}

TEST(DockerContainer, IsNotHurtByDeepNesting) {
  const std::string open = R"({"Id":"x","State":)";
  EXPECT_TRUE(
      parse_docker_container(open + std::string(100'000, '[') + std::string(100'000, ']') + "}"));
  EXPECT_FALSE(parse_docker_container(open + std::string(1'000'000, '[')));
}

TEST(DockerList, GivesTheIdsOfWhatIsNotBeingRemoved) {
  const auto ids = parse_docker_list(
      R"([{"Id":"a","State":"running"},{"Id":"b","State":"removing"},{"Id":"c"},
          {"Id":"d","State":"exited"},{"Id":"e","State":7}])");
  ASSERT_TRUE(ids);
  EXPECT_EQ(*ids, (std::vector<std::string>{"a", "c", "d", "e"}));
  EXPECT_TRUE(parse_docker_list("[]")->empty());
}

TEST(DockerList, RefusesWhatIsNoList) {
  for (const char* body :
       {"", "{", "7", "\"x\"", "[7]", "[null]", "[[]]", "[{}]", R"([{"Id":7}])", R"([{"Id":""}])",
        R"([{"Id":"a/json?"}])", R"({"message":"no"})", "[{\"Id\":\"a\"}", "true"}) {
    EXPECT_FALSE(parse_docker_list(body)) << body;
  }
}

TEST(DockerList, TellsWhetherANetworkIsShared) {
  const std::string body =
      R"([{"Id":"a","HostConfig":{"NetworkMode":"bridge"}},
          {"Id":"b","HostConfig":{"NetworkMode":"container:abc"}}])";
  EXPECT_TRUE(docker_list_has_sharer(body, "abc"));
  EXPECT_FALSE(docker_list_has_sharer(body, "ab"));
  EXPECT_FALSE(docker_list_has_sharer(body, ""));
  for (const char* hostile : {"", "null", "{}", "7", "[7]", "[null]", R"([{"HostConfig":7}])",
                              R"([{"HostConfig":{"NetworkMode":7}}])", "[{"}) {
    EXPECT_FALSE(docker_list_has_sharer(hostile, "abc")) << hostile;
  }
}

TEST(DockerEvent, KnowsTheLifeOfContainers) {
  using Kind = EngineEvent::Kind;
  const std::pair<const char*, Kind> cases[] = {{"start", Kind::kStarted},
                                                {"die", Kind::kEnded},
                                                {"pause", Kind::kPaused},
                                                {"unpause", Kind::kUnpaused},
                                                {"destroy", Kind::kRemoved}};
  for (const auto& [action, kind] : cases) {
    const auto event =
        parse_docker_event(std::string(R"({"Type":"container","Action":")") + action +
                           R"(","Actor":{"ID":"abc","Attributes":{}},"time":1})");
    ASSERT_TRUE(event) << action;
    EXPECT_EQ(event->kind, kind) << action;
    EXPECT_EQ(event->container_id, "abc");
  }
}

TEST(DockerEvent, LeavesOutEverythingElse) {
  for (const char* line :
       {"", "null", "[]", "7", "{}", "not json", "{\"Type\":\"container\"",
        R"({"Type":"network","Action":"start","Actor":{"ID":"abc"}})",
        R"({"Type":"container","Action":"exec_start: sh","Actor":{"ID":"abc"}})",
        R"({"Type":"container","Action":"create","Actor":{"ID":"abc"}})",
        R"({"Type":"container","Action":7,"Actor":{"ID":"abc"}})", R"({"Type":7,"Action":"start"})",
        R"({"Type":"container"})", "\xff\xfe"}) {
    EXPECT_FALSE(parse_docker_event(line)) << line;
  }
}

TEST(DockerEvent, NamesNobodyIfNobodyIsNamed) {
  for (const char* actor : {"null", "7", "[]", "{}", R"({"ID":7})"}) {
    const auto event = parse_docker_event(
        std::string(R"({"Type":"container","Action":"start","Actor":)") + actor + "}");
    ASSERT_TRUE(event) << actor;
    EXPECT_EQ(event->container_id, "");
  }
}

TEST(DockerMessage, IsWhatTheEngineSays) {
  EXPECT_EQ(docker_message(R"({"message":"No such container: x"})"), "No such container: x");
  EXPECT_EQ(docker_message("plain text"), "plain text");
  EXPECT_EQ(docker_message(R"({"message":7})"), R"({"message":7})");
  EXPECT_EQ(docker_message(""), "");
  EXPECT_EQ(docker_message(std::string(10'000, 'x')).size(), 500U);
}

TEST(DockerImage, IsReadWithEverythingThatDecidesAboutAContainer) {
  const auto image = parse_docker_image(R"({"Id":"sha256:1","Config":{"User":"node",
      "Labels":{"a":"b","n":null},"Env":["PATH=/bin",7],"Entrypoint":["/init"],"Cmd":["x","y"]}})");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->id, "sha256:1");
  EXPECT_EQ(image->user, "node");
  EXPECT_EQ(image->labels, (std::map<std::string, std::string>{{"a", "b"}}));
  EXPECT_EQ(image->env, (std::vector<std::string>{"PATH=/bin"}));
  EXPECT_EQ(image->entrypoint, (std::vector<std::string>{"/init"}));
  EXPECT_EQ(image->command, (std::vector<std::string>{"x", "y"}));
}

TEST(DockerImage, MayLackEverything) {
  const auto image = parse_docker_image(R"({"Config":{"Entrypoint":null,"Labels":null}})");
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->entrypoint.empty());
  EXPECT_FALSE(parse_docker_image("[]"));
  EXPECT_FALSE(parse_docker_image("{"));
}

TEST(DockerGpus, AreOfferedByARuntimeOrAsDevices) {
  const auto offered = [](const char* body) {
    const auto gpus = parse_docker_gpus(body);
    return gpus && gpus->offered;
  };
  EXPECT_FALSE(offered(R"({"Runtimes":{"runc":{"path":"runc"}},"CDISpecDirs":null})"));
  EXPECT_TRUE(offered(R"({"Runtimes":{"runc":{},"nvidia":{"path":"nvidia-container-runtime"}}})"));
  EXPECT_TRUE(offered(R"({"DiscoveredDevices":[{"Source":"cdi","ID":"nvidia.com/gpu=0"}]})"));
  for (const char* body : {R"({"Runtimes":["nvidia"]})", R"({"Runtimes":"nvidia"})", "{}",
                           R"({"DiscoveredDevices":[7,null,{}]})", R"({"DiscoveredDevices":{}})"}) {
    EXPECT_FALSE(offered(body)) << body;
    EXPECT_TRUE(parse_docker_gpus(body)) << body;
  }
  for (const char* body : {"", "[]", "null", "{"}) EXPECT_FALSE(parse_docker_gpus(body)) << body;
}

TEST(DockerGpus, MayBeDescribedInFolders) {
  const auto gpus = parse_docker_gpus(R"({"CDISpecDirs":["/etc/cdi",7,"/var/run/cdi"]})");
  ASSERT_TRUE(gpus);
  EXPECT_FALSE(gpus->offered);
  EXPECT_EQ(gpus->cdi_folders, (std::vector<std::string>{"/etc/cdi", "/var/run/cdi"}));
}

}  // namespace
}  // namespace fairlead::engine
