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
  EXPECT_EQ(config.override_command, std::nullopt);
  EXPECT_EQ(config.update_remote_user_uid, std::nullopt);
  EXPECT_FALSE(config.build);
  EXPECT_FALSE(config.compose);
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
  EXPECT_EQ(config.remote_env, (RemoteEnvironment{{"X", "y"}, {"GONE", std::nullopt}}));
  EXPECT_EQ(config.run_args, (std::vector<std::string>{"--rm", "x"}));
  EXPECT_TRUE(config.init);
  EXPECT_TRUE(config.privileged);
  EXPECT_EQ(config.cap_add, (std::vector<std::string>{"SYS_PTRACE"}));
  EXPECT_EQ(config.security_opt, (std::vector<std::string>{"seccomp=unconfined"}));
  EXPECT_EQ(config.override_command, false);
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
  EXPECT_EQ(with(R"("forwardPorts":["1-10000"])").forward_ports.size(), 10'000U);
  std::string many = R"("a:1-65535")";
  for (int i = 0; i < 1000; ++i) many += ",\"b" + std::to_string(i) + ":1-65535\"";
  const auto config = parse(R"({"image":"alpine","forwardPorts":[)" + many + "]}");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message().find("more than 10000 ports"), std::string::npos);
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
      "postAttachCommand":"","initializeCommand":["./prepare"])");
  EXPECT_TRUE(config.lifecycle.contains("initializeCommand"));
  ASSERT_EQ(config.lifecycle.at("onCreateCommand").size(), 1U);
  ASSERT_EQ(config.lifecycle.at("onCreateCommand")[0].parts.size(), 1U);
  EXPECT_EQ(std::get<std::string>(config.lifecycle.at("onCreateCommand")[0].parts[0].second),
            "make all");
  using Words = std::vector<std::string>;
  EXPECT_EQ(std::get<Words>(config.lifecycle.at("updateContentCommand")[0].parts[0].second),
            (Words{"make", "a b"}));
  const LifecycleCommand& parallel = config.lifecycle.at("postCreateCommand")[0];
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
      {R"("mounts":[{"source":7,"target":"/x"}])", "mounts[0].source", "7"},
      {R"("name":7)", "name", "7"},
      {R"("build":[])", "build", "[]"},
      {R"("build":{"dockerfile":7})", "build.dockerfile", "7"},
      {R"("build":{"args":{"A":1}})", "build.args.A", "1"},
      {R"("build":{"cacheFrom":7})", "build.cacheFrom", "7"},
      {R"("build":{"options":"x"})", "build.options", "\"x\""},
      {R"("build":{"target":[]})", "build.target", "[]"},
      {R"("dockerFile":7)", "dockerFile", "7"},
      {R"("dockerComposeFile":7,"service":"s")", "dockerComposeFile", "7"},
      {R"("dockerComposeFile":["a",7],"service":"s")", "dockerComposeFile[1]", "7"},
      {R"("dockerComposeFile":"a","service":7)", "service", "7"},
      {R"("dockerComposeFile":"a","service":"s","runServices":"db")", "runServices", "\"db\""},
      {R"("features":[])", "features", "[]"},
      {R"("updateRemoteUserUID":"on")", "updateRemoteUserUID", "\"on\""},
      {R"("userEnvProbe":"bash")", "userEnvProbe", "\"bash\""},
      {R"("waitFor":"postAttachCommand")", "waitFor", "\"postAttachCommand\""},
      {R"("shutdownAction":true)", "shutdownAction", "true"},
      {R"("secrets":["A"])", "secrets", "[\"A\"]"},
      {R"("hostRequirements":{"memory":"much"})", "hostRequirements.memory", "\"much\""},
      {R"("initializeCommand":{"a":7})", "initializeCommand.a", "7"},
      {R"("onCreateCommands":"x")", "onCreateCommands", "\"x\""},
      {R"("onCreateCommands":["x",7])", "onCreateCommands[1]", "7"},
      {R"("otherPortsAttributes":[])", "otherPortsAttributes", "[]"},
      {R"("otherPortsAttributes":{"protocol":"ftp"})", "otherPortsAttributes.protocol", "\"ftp\""},
      {R"("customizations":[])", "customizations", "[]"},
      {R"("customizations":{"fairlead":7})", "customizations.fairlead", "7"},
      {R"("customizations":{"fairlead":{"hostPorts":{"80":70000}}})",
       "customizations.fairlead.hostPorts[\"80\"]", "70000"},
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

// --- Where mistakes are ---

std::string message_of(const std::string& text) {
  ConfigSource source{"/p/devcontainer.json", text, *parse_jsonc(text, "f")};
  const auto config = parse_config(source.json, "/other", context(), &source);
  return config ? "" : config.error().message();
}

TEST(DevcontainerConfig, ErrorsNameTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"{\n  // c\n  \"image\": 7\n}", "3:3: \"image\" must be a string, not 7"},
      {"{\"image\": \"a\",\n\"forwardPorts\": [\n3000,\n70000\n]}",
       "4:1: forwardPorts[1] must be a port from 1 to 65535 or \"host:port\", not 70000"},
      {"{\"image\": \"a\",\n\"forwardPorts\": [ \"30x0\" ]}",
       "2:19: forwardPorts[0] is wrong: port "},
      {"{\"image\": \"a\",\n\"appPort\": 70000}", "2:1: \"appPort\" must"},
      {"{\"image\": \"a\", \"portsAttributes\": {\"1\": {},\n \"2\": {\n \"onAutoForward\": "
       "\"x\"}}}",
       "3:2: portsAttributes[\"2\"].onAutoForward must be one of notify"},
      {"{\"image\": \"a\",\n\n\"waitFor\": \"x\"}",
       "3:1: \"waitFor\" must be one of initializeCommand"},
      {"{\"image\": \"a\",\n\"postCreateCommand\": {\"x\": \"y\",\n\"z\": 7}}",
       "3:1: postCreateCommand.z must"},
      {"{\"image\": \"a\",\n\"init\": true, \"init\":\n 1}", "2:15: \"init\" must"},
      {"{\n\"dockerComposeFile\": \"c.yml\"}", "2:1: \"dockerComposeFile\" needs a \"service\""},
      {"// nothing\n{}", "2:1: \"image\" is missing"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_TRUE(message_of(text).starts_with(std::string("/p/devcontainer.json:") + message))
        << message_of(text);
  }
}

// --- What a container is made of ---

TEST(DevcontainerConfig, ReadsABuild) {
  const DevcontainerConfig config = parsed(R"({"build":{"dockerfile":"../Dockerfile",
      "context":"..","args":{"USER":"${localEnv:USER}"},"target":"dev","cacheFrom":"one",
      "options":["--network=host"]}})");
  ASSERT_TRUE(config.build);
  EXPECT_EQ(config.build->dockerfile, "/Dockerfile");
  EXPECT_EQ(config.build->context, "/");
  EXPECT_EQ(config.build->args, (StringMap{{"USER", "me"}}));
  EXPECT_EQ(config.build->target, "dev");
  EXPECT_EQ(config.build->cache_from, (std::vector<std::string>{"one"}));
  EXPECT_EQ(config.build->options, (std::vector<std::string>{"--network=host"}));
}

TEST(DevcontainerConfig, ABuildsPathsAreThoseBesideTheFile) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {R"({"build":{"dockerfile":"Dockerfile"}})", "/p/Dockerfile", "/p"},
      {R"({"build":{"dockerfile":"sub/Dockerfile"}})", "/p/sub/Dockerfile", "/p/sub"},
      {R"({"build":{"dockerfile":"Dockerfile","context":"."}})", "/p/Dockerfile", "/p"},
      {R"({"build":{"dockerfile":"/abs/D","context":"sub/"}})", "/abs/D", "/p/sub"},
      {R"({"dockerFile":"Dockerfile"})", "/p/Dockerfile", "/p"},
      {R"({"dockerFile":"Dockerfile","context":".."})", "/p/Dockerfile", "/"},
      {R"({"dockerFile":"D","build":{"target":"t"}})", "/p/D", "/p"},
  };
  for (const auto& [text, dockerfile, folder] : cases) {
    const DevcontainerConfig config = parsed(text);
    ASSERT_TRUE(config.build) << text;
    EXPECT_EQ(config.build->dockerfile, dockerfile) << text;
    EXPECT_EQ(config.build->context, folder) << text;
  }
  EXPECT_EQ(parsed(R"({"dockerFile":"D","build":{"target":"t"}})").build->target, "t");
  EXPECT_FALSE(with(R"("build":{}, "context":"..")").build);
}

TEST(DevcontainerConfig, ReadsAComposeService) {
  const DevcontainerConfig one =
      parsed(R"({"dockerComposeFile":"../compose.yml","service":"app","workspaceFolder":"/w"})");
  ASSERT_TRUE(one.compose);
  EXPECT_EQ(one.compose->files, (std::vector<std::string>{"/compose.yml"}));
  EXPECT_EQ(one.compose->service, "app");
  EXPECT_TRUE(one.compose->all_run_services);
  const DevcontainerConfig several =
      parsed(R"({"dockerComposeFile":["a.yml","/b.yml"],"service":"app","runServices":[]})");
  EXPECT_EQ(several.compose->files, (std::vector<std::string>{"/p/a.yml", "/b.yml"}));
  EXPECT_FALSE(several.compose->all_run_services);
  EXPECT_TRUE(several.compose->run_services.empty());
  EXPECT_TRUE(parsed(R"({"dockerComposeFile":[],"service":"app"})").compose->files.empty());
}

TEST(DevcontainerConfig, ReadsWhoWhenAndWithWhat) {
  const DevcontainerConfig config = with(R"("name":"n","features":{"a":{"v":"1"}},
      "userEnvProbe":"loginShell","waitFor":"postCreateCommand","shutdownAction":"none",
      "updateRemoteUserUID":false,"secrets":{"TOKEN":{"description":"d"},"KEY":{}},
      "hostRequirements":{"cpus":4},"entrypoints":["/e"],
      "customizations":{"vscode":{"x":1},"fairlead":{"maxAutoForwards":3,"allServices":true}})");
  EXPECT_EQ(config.name, "n");
  EXPECT_EQ(config.features.dump(), R"({"a":{"v":"1"}})");
  EXPECT_EQ(config.user_env_probe, "loginShell");
  EXPECT_EQ(config.wait_for, "postCreateCommand");
  EXPECT_EQ(config.shutdown_action, "none");
  EXPECT_EQ(config.update_remote_user_uid, false);
  EXPECT_EQ(config.secrets, (std::vector<std::string>{"TOKEN", "KEY"}));
  EXPECT_EQ(config.host_requirements.cpus, 4U);
  EXPECT_EQ(config.entrypoints, (std::vector<std::string>{"/e"}));
  EXPECT_EQ(config.customizations.max_auto_forwards, 3U);
  EXPECT_TRUE(config.customizations.all_services);
}

TEST(DevcontainerConfig, ReadsTheAttributesOfPorts) {
  const DevcontainerConfig config = with(R"(
      "portsAttributes":{"3000":{"label":"${localEnv:USER}'s"},"a(":{}},
      "otherPortsAttributes":{"onAutoForward":"ignore"})");
  EXPECT_EQ(config.attributes.match(3000, "", "").attributes.label, "me's");
  EXPECT_EQ(config.attributes.match(3001, "", "").attributes.on_auto_forward,
            OnAutoForward::kIgnore);
  ASSERT_EQ(config.warnings.size(), 1U);
  EXPECT_NE(config.warnings[0].find("portsAttributes[\"a(\"]"), std::string::npos);
}

TEST(DevcontainerConfig, LeavesTheContainersEnvironmentForLater) {
  const auto text = Json::parse(
      R"({"image":"x","remoteEnv":{"PATH":"${containerEnv:PATH}:/x","U":"${localEnv:USER}"}})");
  EXPECT_EQ(parse_config(text, "/p", context())->remote_env[0].second, "${containerEnv:PATH}:/x");
  VariableContext late = context();
  late.container_env = [](const std::string&) { return std::optional<std::string>("/bin"); };
  EXPECT_EQ(parse_config(text, "/p", late)->remote_env,
            (RemoteEnvironment{{"PATH", "/bin:/x"}, {"U", "me"}}));
}

// --- Hostile ones ---

TEST(DevcontainerConfig, TenThousandPortsAreFine) {
  std::string ports;
  for (int i = 1; i <= 10'000; ++i) ports += (i == 1 ? "" : ",") + std::to_string(i);
  EXPECT_EQ(with("\"forwardPorts\":[" + ports + "]").forward_ports.size(), 10'000U);
  EXPECT_EQ(with("\"appPort\":[" + ports + "]").app_ports.size(), 10'000U);
}

TEST(DevcontainerConfig, ShellTextIsOnlyText) {
  const std::string evil = "; rm -rf ~ $(reboot) `reboot` && reboot";
  const DevcontainerConfig config =
      with("\"remoteUser\":\"" + evil + "\",\"runArgs\":[\"" + evil +
           "\"],\"mounts\":[{\"type\":\"bind\",\"source\":\"" + evil +
           "\",\"target\":\"/x\"}],\"containerEnv\":{\"" + evil + "\":\"" + evil + "\"}");
  EXPECT_EQ(config.remote_user, evil);
  EXPECT_EQ(config.run_args, (std::vector<std::string>{evil}));
  EXPECT_EQ(config.mounts, (std::vector<std::string>{"type=bind,source=" + evil + ",target=/x"}));
  EXPECT_EQ(config.container_env, (StringMap{{evil, evil}}));
  EXPECT_FALSE(parse("{\"image\":\"x\",\"forwardPorts\":[\"" + evil + "\"]}"));
}

TEST(DevcontainerConfig, AMebibyteOfKeysTakesNoLongTime) {
  std::string text = "{\"image\":\"x\"";
  for (int i = 0; text.size() < (1U << 20) - 16; ++i) text += ",\"" + std::to_string(i) + "\":0";
  const auto json = parse_jsonc(text + "}", "f");
  ASSERT_TRUE(json);
  EXPECT_TRUE(parse_config(*json, "/p", context()));
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
      {R"("portsAttributes":{"(":{}})", "portsAttributes[\"(\"]"},
      {R"("portsAttributes":{"70000":{}})", "portsAttributes[\"70000\"]"},
      {R"("customizations":{"fairlead":{"hostPort":{}}})", "customizations.fairlead.hostPort "},
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
