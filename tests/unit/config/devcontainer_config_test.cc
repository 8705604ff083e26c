// What devcontainer.json says, and how mistakes in it are told. Files are another tier's matter.
#include "supervisor/config/devcontainer_config.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

VariableContext context() {
  VariableContext result;
  result.local_workspace_folder = "/home/me/project";
  result.devcontainer_id = "id52";
  result.local_env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "USER") return "me";
    return std::nullopt;
  };
  return result;
}

base::Result<DevcontainerConfig> parse(const std::string& text) {
  return parse_config(Json::parse(text), "/p/devcontainer.json", context());
}

DevcontainerConfig parsed(const std::string& text) {
  auto config = parse(text);
  if (!config) {
    ADD_FAILURE() << config.error().message();
    return {};
  }
  return *config;
}

// Properties beside an image.
DevcontainerConfig with(const std::string& properties) {
  return parsed(R"({"image":"alpine",)" + properties + "}");
}

TEST(DevcontainerConfig, NeedsNothingButAnImage) {
  const DevcontainerConfig config = parsed(R"({"image":"alpine:3"})");
  EXPECT_EQ(config.image, "alpine:3");
  EXPECT_TRUE(config.override_command);
  EXPECT_FALSE(config.init);
  EXPECT_FALSE(config.privileged);
  EXPECT_FALSE(config.workspace_folder);
  EXPECT_TRUE(config.forward_ports.empty());
  EXPECT_TRUE(config.lifecycle.empty());
  EXPECT_TRUE(config.warnings.empty());
}

TEST(DevcontainerConfig, ReadsWhatItCarriesOut) {
  const DevcontainerConfig config = with(R"(
      "workspaceMount":"type=bind","workspaceFolder":"/w","containerUser":"c","remoteUser":"r",
      "containerEnv":{"B":"2","A":"1"},"remoteEnv":{"X":"y","GONE":null},"runArgs":["--rm","x"],
      "init":true,"privileged":true,"capAdd":["SYS_PTRACE"],"securityOpt":["seccomp=unconfined"],
      "overrideCommand":false,"mounts":["source=v,target=/v,type=volume",
      {"type":"bind","source":"/a","target":"/b"},{"target":"/only"}])");
  EXPECT_EQ(config.workspace_mount, "type=bind");
  EXPECT_EQ(config.workspace_folder, "/w");
  EXPECT_EQ(config.container_user, "c");
  EXPECT_EQ(config.remote_user, "r");
  EXPECT_EQ(config.container_env, (StringMap{{"B", "2"}, {"A", "1"}}));
  EXPECT_EQ(config.remote_env, (StringMap{{"X", "y"}}));
  EXPECT_EQ(config.run_args, (std::vector<std::string>{"--rm", "x"}));
  EXPECT_TRUE(config.init);
  EXPECT_TRUE(config.privileged);
  EXPECT_EQ(config.cap_add, (std::vector<std::string>{"SYS_PTRACE"}));
  EXPECT_EQ(config.security_opt, (std::vector<std::string>{"seccomp=unconfined"}));
  EXPECT_FALSE(config.override_command);
  EXPECT_EQ(config.mounts,
            (std::vector<std::string>{"source=v,target=/v,type=volume",
                                      "type=bind,source=/a,target=/b", "target=/only"}));
}

TEST(DevcontainerConfig, ReplacesVariablesButKeepsTheTextAsItWas) {
  const DevcontainerConfig config = with(R"("remoteUser":"${localEnv:USER}")");
  EXPECT_EQ(config.remote_user, "me");
  EXPECT_EQ(config.raw["remoteUser"], "${localEnv:USER}");
}

TEST(DevcontainerConfig, ReadsForwardPortsInEveryForm) {
  const DevcontainerConfig config =
      with(R"("forwardPorts":[3000,"3000","localhost:3000","db:5432",8080,"9000-9001",5432])");
  EXPECT_EQ(config.forward_ports, (std::vector<DeclaredPort>{{3000, "", 0},
                                                             {5432, "db", 0},
                                                             {8080, "", 0},
                                                             {9000, "", 0},
                                                             {9001, "", 0},
                                                             {5432, "", 0}}));
}

TEST(DevcontainerConfig, TakesEveryPortOnceAndNoMore) {
  EXPECT_EQ(with(R"("forwardPorts":["1-65535"])").forward_ports.size(), 65535U);
  std::string many = R"("a:1-65535")";
  for (int i = 0; i < 1000; ++i) many += ",\"b" + std::to_string(i) + ":1-65535\"";
  const auto config = parse(R"({"image":"alpine","forwardPorts":[)" + many + "]}");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message().find("more than 65535 ports"), std::string::npos);
}

TEST(DevcontainerConfig, ReadsAppPortAsANumberATextOrAList) {
  EXPECT_EQ(with(R"("appPort":3000)").app_ports, (std::vector<std::uint16_t>{3000}));
  EXPECT_EQ(with(R"("appPort":"8080:80")").published_app_ports,
            (std::vector<std::string>{"8080:80"}));
  const DevcontainerConfig both = with(R"("appPort":[3000,"8080:80",4000])");
  EXPECT_EQ(both.app_ports, (std::vector<std::uint16_t>{3000, 4000}));
  EXPECT_EQ(both.published_app_ports, (std::vector<std::string>{"8080:80"}));
}

TEST(DevcontainerConfig, ReadsLifecycleCommandsInEveryForm) {
  const DevcontainerConfig config = with(R"(
      "onCreateCommand":"make all","updateContentCommand":["make","a b"],
      "postCreateCommand":{"one":"x","two":["y","z"]},"postStartCommand":null,
      "postAttachCommand":"")");
  ASSERT_EQ(config.lifecycle.at("onCreateCommand").parts.size(), 1U);
  EXPECT_EQ(std::get<std::string>(config.lifecycle.at("onCreateCommand").parts[0].second),
            "make all");
  using Words = std::vector<std::string>;
  EXPECT_EQ(std::get<Words>(config.lifecycle.at("updateContentCommand").parts[0].second),
            (Words{"make", "a b"}));
  const LifecycleCommand& parallel = config.lifecycle.at("postCreateCommand");
  ASSERT_EQ(parallel.parts.size(), 2U);
  EXPECT_EQ(parallel.parts[0].first, "one");
  EXPECT_EQ(std::get<Words>(parallel.parts[1].second), (Words{"y", "z"}));
  EXPECT_FALSE(config.lifecycle.contains("postStartCommand"));
}

TEST(DevcontainerConfig, ErrorsNameTheFileThePropertyAndTheValue) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {R"("image":7)", "image", "7"},
      {R"("image":null)", "image", "null"},
      {R"("workspaceMount":[])", "workspaceMount", "[]"},
      {R"("workspaceFolder":7)", "workspaceFolder", "7"},
      {R"("containerUser":true)", "containerUser", "true"},
      {R"("remoteUser":{})", "remoteUser", "{}"},
      {R"("containerEnv":[])", "containerEnv", "[]"},
      {R"("containerEnv":{"A":1})", "containerEnv.A", "1"},
      {R"("remoteEnv":{"A":true})", "remoteEnv.A", "true"},
      {R"("runArgs":"--rm")", "runArgs", "\"--rm\""},
      {R"("runArgs":["--rm",7])", "runArgs", "7"},
      {R"("init":"yes")", "init", "\"yes\""},
      {R"("privileged":1)", "privileged", "1"},
      {R"("capAdd":"ALL")", "capAdd", "\"ALL\""},
      {R"("securityOpt":[null])", "securityOpt", "null"},
      {R"("overrideCommand":0)", "overrideCommand", "0"},
      {R"("mounts":"x")", "mounts", "\"x\""},
      {R"("mounts":[7])", "mounts", "7"},
      {R"("mounts":[{"source":7}])", "mounts", "{\"source\":7}"},
      {R"("appPort":0)", "appPort", "0"},
      {R"("appPort":65536)", "appPort", "65536"},
      {R"("appPort":-1)", "appPort", "-1"},
      {R"("appPort":3000.5)", "appPort", "3000.5"},
      {R"("appPort":[3000,null])", "appPort", "null"},
      {R"("forwardPorts":3000)", "forwardPorts", "3000"},
      {R"("forwardPorts":[0])", "forwardPorts", "0"},
      {R"("forwardPorts":[65536])", "forwardPorts", "65536"},
      {R"("forwardPorts":[18446744073709551615])", "forwardPorts", "18446744073709551615"},
      {R"("forwardPorts":[3000.0])", "forwardPorts", "3000.0"},
      {R"("forwardPorts":[true])", "forwardPorts", "true"},
      {R"("forwardPorts":["30x0"])", "forwardPorts", "30x0"},
      {R"("forwardPorts":["3000/udp"])", "forwardPorts", "3000/udp"},
      {R"("onCreateCommand":7)", "onCreateCommand", "7"},
      {R"("postCreateCommand":["a",7])", "postCreateCommand", "[\"a\",7]"},
      {R"("postStartCommand":{"a":{"b":"c"}})", "postStartCommand.a", "{\"b\":\"c\"}"},
      {R"("postAttachCommand":{"a":null})", "postAttachCommand.a", "null"},
      {R"("portsAttributes":[])", "portsAttributes", "[]"},
      {R"("portsAttributes":{"3000":{"label":7}})", "portsAttributes[\"3000\"].label", "7"},
  };
  for (const auto& [properties, property, value] : cases) {
    const std::string base =
        std::string(properties).starts_with("\"image\"") ? "" : R"("image":"alpine",)";
    const auto config = parse("{" + base + properties + "}");
    ASSERT_FALSE(config) << properties;
    const std::string message = config.error().message();
    EXPECT_TRUE(message.starts_with("/p/devcontainer.json: ")) << message;
    EXPECT_NE(message.find(property), std::string::npos) << properties << " -> " << message;
    EXPECT_NE(message.find(value), std::string::npos) << properties << " -> " << message;
  }
}

TEST(DevcontainerConfig, TellsTheFirstMistakeOnly) {
  const auto config = parse(R"({"image":7,"init":"yes"})");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message().find("image"), std::string::npos);
  EXPECT_EQ(config.error().message().find("init"), std::string::npos);
}

TEST(DevcontainerConfig, ErrorsStayShort) {
  const auto config = parse(R"({"image":"x","init":")" + std::string(1U << 16, 'y') + "\"}");
  ASSERT_FALSE(config);
  EXPECT_LT(config.error().message().size(), 300U);
}

TEST(DevcontainerConfig, RefusesWhatWouldMakeAnotherContainer) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"build":{"dockerfile":"Dockerfile"}})", "\"build\""},
      {R"({"dockerFile":"Dockerfile"})", "\"dockerFile\""},
      {R"({"dockerComposeFile":"c.yml","service":"s"})", "\"dockerComposeFile\""},
      {R"({"image":"x","build":{}})", "\"build\""},
      {R"({"image":"x","features":{"a":{}}})", "\"features\""},
  };
  for (const auto& [text, word] : cases) {
    const auto config = parse(text);
    ASSERT_FALSE(config) << text;
    EXPECT_NE(config.error().message().find(word), std::string::npos) << config.error().message();
    EXPECT_NE(config.error().message().find("not supported yet"), std::string::npos);
  }
  EXPECT_TRUE(parse(R"({"image":"x","features":{}})"));
}

TEST(DevcontainerConfig, SaysThatTheImageIsMissing) {
  for (const char* text : {"{}", R"({"image":""})", R"({"image":"${localEnv:NONE}"})"}) {
    const auto config = parse(text);
    ASSERT_FALSE(config) << text;
    EXPECT_NE(config.error().message().find("\"image\" is missing"), std::string::npos)
        << config.error().message();
  }
}

TEST(DevcontainerConfig, RefusesATextThatIsNoObject) {
  for (const char* text : {"[]", "null", "7", "\"x\"", "[{\"image\":\"x\"}]"}) {
    EXPECT_NO_THROW({
      const auto config = parse(text);
      ASSERT_FALSE(config) << text;
      EXPECT_TRUE(config.error().message().starts_with("/p/devcontainer.json: "));
    }) << text;
  }
}

TEST(DevcontainerConfig, WarnsOfWhatHasNoEffect) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("initializeCommand":"x")", "initializeCommand"},
      {R"("otherPortsAttributes":{})", "otherPortsAttributes"},
      {R"("secrets":{})", "secrets"},
      {R"("portsAttributes":{"3000-3010":{}})", "3000-3010"},
      {R"("portsAttributes":{"3000":{"requireLocalPort":true}})", "requireLocalPort"},
  };
  for (const auto& [properties, word] : cases) {
    const DevcontainerConfig config = with(properties);
    ASSERT_EQ(config.warnings.size(), 1U) << properties;
    EXPECT_NE(config.warnings[0].find(word), std::string::npos) << config.warnings[0];
  }
}

TEST(DevcontainerConfig, IgnoresWhatItDoesNotKnow) {
  const DevcontainerConfig config =
      with(R"("name":"n","customizations":{"vscode":{}},"hostRequirements":{},"$schema":"x")");
  EXPECT_TRUE(config.warnings.empty());
}

}  // namespace
}  // namespace fairlead::config
