#include "supervisor/workspace/compose_override.h"

#include <gtest/gtest.h>

#include "supervisor/config/yaml.h"

namespace fairlead::workspace {
namespace {

config::Json read_back(const ComposeOverride& what,
                       const std::optional<ComposeStart>& start = std::nullopt) {
  const std::string text = compose_override_text(what, start);
  const auto value = config::parse_yaml(text, "override");
  EXPECT_TRUE(value) << text;
  return value ? *value : config::Json();
}

TEST(ComposeOverride, SaysOnlyWhatItMust) {
  ComposeOverride what;
  what.service = "app";
  EXPECT_EQ(compose_override_text(what, std::nullopt), R"({
 "services": {
  "app": {}
 }
}
)");
}

TEST(ComposeOverride, SaysEverythingThatIsAsked) {
  ComposeOverride what;
  what.file_version = "3.8";
  what.service = "app";
  what.image = "local:app-uid";
  what.labels = {{"devcontainer.local_folder", "/home/me/p"}, {"devcontainer.metadata", "[{\"a\":\"$b\"}]"}};
  what.environment = {{"A", "1"}, {"PRICE", "5$"}, {"EMPTY", ""}};
  what.user = "dev";
  what.init = true;
  what.privileged = true;
  what.cap_add = {"SYS_PTRACE"};
  what.security_opt = {"seccomp=unconfined"};
  what.mounts = {"type=bind,source=/a,target=/b,readonly", "source=cache,target=/cache,type=volume",
                 "type=volume,source=data,target=/data", "type=tmpfs,target=/scratch",
                 "type=volume,target=/anonymous",
                 "type=volume,source=theirs,target=/t,external=true",
                 "type=bind,src=/with:colon,dst=/c"};
  what.declared_volumes = {"data"};
  const ComposeStart start{{"/bin/sh", "-c", "exec \"$$@\"", "-"}, std::vector<std::string>{}};
  EXPECT_EQ(compose_override_text(what, start), R"({
 "volumes": {
  "cache": null,
  "theirs": {
   "external": true
  }
 },
 "version": "3.8",
 "services": {
  "app": {
   "image": "local:app-uid",
   "entrypoint": [
    "/bin/sh",
    "-c",
    "exec \"$$@\"",
    "-"
   ],
   "command": [],
   "init": true,
   "privileged": true,
   "user": "dev",
   "environment": [
    "A=1",
    "PRICE=5$$",
    "EMPTY="
   ],
   "labels": [
    "devcontainer.local_folder=/home/me/p",
    "devcontainer.metadata=[{\"a\":\"$$b\"}]"
   ],
   "cap_add": [
    "SYS_PTRACE"
   ],
   "security_opt": [
    "seccomp=unconfined"
   ],
   "volumes": [
    "/a:/b:ro",
    "cache:/cache",
    "data:/data",
    "/anonymous",
    "theirs:/t",
    {
     "type": "bind",
     "source": "/with:colon",
     "target": "/c"
    }
   ],
   "tmpfs": [
    "/scratch"
   ]
  }
 }
}
)");
}

TEST(ComposeOverride, IsTheSameTextForYamlWhateverIsInIt) {
  std::string every;
  for (int c = 1; c < 0x80; ++c) every += static_cast<char>(c);
  every += "\xc2\x80\xc2\x9f\xc2\x85\xc3\xa9\xe2\x80\xa8\xef\xbf\xbe\xef\xbf\xbf\xf0\x9f\x98\x80";
  ComposeOverride what;
  what.service = "app: {x: y}\n- z";
  what.labels = {{"k", every}};
  what.environment = {{"E", "\"; rm -rf /; echo '"}};
  const config::Json document = read_back(what);
  std::string doubled = compose_escaped("k=" + every);
  EXPECT_EQ(document["services"][what.service]["labels"][0], doubled);
  EXPECT_EQ(document["services"][what.service]["environment"][0], "E=\"; rm -rf /; echo '");
  // Nothing that a reader of YAML 1.1 calls unprintable, and nothing halved.
  const std::string text = compose_override_text(what, std::nullopt);
  EXPECT_EQ(text.find('\x7f'), std::string::npos);
  EXPECT_EQ(text.find("\xc2\x80"), std::string::npos);
  EXPECT_NE(text.find("\xf0\x9f\x98\x80"), std::string::npos);
}

TEST(ComposeOverride, NeverPublishesPorts) {
  ComposeOverride what;
  what.service = "app";
  EXPECT_FALSE(read_back(what)["services"]["app"].contains("ports"));
}

TEST(MountFields, AreReadAsCsv) {
  using Fields = std::map<std::string, std::string>;
  struct Row {
    const char* mount;
    Fields fields;
  };
  for (const Row& row : {
           Row{"", {}},
           Row{"type=bind,src=/a,dst=/b", {{"type", "bind"}, {"source", "/a"}, {"target", "/b"}}},
           Row{"source=/a,destination=/b,readonly", {{"source", "/a"}, {"target", "/b"}, {"readonly", ""}}},
           Row{"type=bind,\"source=/a,b\",\"target=/c\"\"d\"",
               {{"type", "bind"}, {"source", "/a,b"}, {"target", "/c\"d"}}},
           Row{"source=/a=b,,=x,", {{"source", "/a=b"}}},
           Row{"\"open", {{"open", ""}}},
       }) {
    EXPECT_EQ(parse_mount_fields(row.mount), row.fields) << row.mount;
  }
}

}  // namespace
}  // namespace fairlead::workspace
