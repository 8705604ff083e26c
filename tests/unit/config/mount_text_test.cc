#include "supervisor/config/mount_text.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

std::string shown_mount(const std::string& mount) {
  std::string text;
  const auto mistake = read_mount(Json::parse(mount), {"mounts", std::size_t{0}}, text);
  return mistake ? "! " + to_text(*mistake) : text;
}

TEST(MountText, IsWhatTheEngineTakes) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("source=v,target=/v,type=volume")", "source=v,target=/v,type=volume"},
      {R"({"target":"/b","source":"/a","type":"bind"})", "type=bind,source=/a,target=/b"},
      {R"({"type":"tmpfs","target":"/t"})", "type=tmpfs,target=/t"},
      {R"({"target":"/only"})", "target=/only"},
      {R"({"type":"bind","source":"/a","target":"/b","readonly":true,"consistency":"cached"})",
       "type=bind,source=/a,target=/b,readonly,consistency=cached"},
      {R"({"type":"bind","source":"/a","target":"/b","readonly":false})",
       "type=bind,source=/a,target=/b"},
      {R"({"type":"tmpfs","target":"/t","tmpfs-size":65536})",
       "type=tmpfs,target=/t,tmpfs-size=65536"},
      {R"({"type":"volume","source":"v","target":"/v","external":true})",
       "type=volume,source=v,target=/v"},
      {R"({"type":"bind","source":"/a,b","target":"/b"})", "type=bind,\"source=/a,b\",target=/b"},
      {R"({"type":"bind","source":"/a\"b","target":"/b"})",
       "type=bind,\"source=/a\"\"b\",target=/b"},
  };
  for (const auto& [mount, text] : cases) EXPECT_EQ(shown_mount(mount), text);
}

TEST(MountText, MistakesNameThePlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"7", "! mounts[0] must be a string or an object, not 7"},
      {"{}", "! mounts[0] has no \"target\""},
      {R"({"source":"/a"})", "! mounts[0] has no \"target\""},
      {R"({"target":"/a","source":7})", "! mounts[0].source must be a string, not 7"},
      {R"({"target":7})", "! mounts[0] has no \"target\""},
      {R"({"target":"/a","extra":[]})", "! mounts[0].extra must"},
  };
  for (const auto& [mount, text] : cases)
    EXPECT_TRUE(shown_mount(mount).starts_with(text)) << shown_mount(mount);
}

TEST(MountTarget, IsFoundUnderEachOfItsNames) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("type=bind,source=/a,target=/b")", "/b"},
      {R"("dst=/b,src=/a")", "/b"},
      {R"("destination=/b")", "/b"},
      {R"("\"target=/b,c\",type=bind")", "/b,c"},
      {R"("type=bind")", ""},
      {R"({"target":"/b"})", "/b"},
      {R"({"dst":"/b"})", ""},
      {"7", ""},
  };
  for (const auto& [mount, target] : cases) EXPECT_EQ(mount_target(Json::parse(mount)), target);
}

}  // namespace
}  // namespace fairlead::config
