// fairlead's own settings: of a workspace, and of a person.
#include "supervisor/config/personal_config.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

using HostPorts = std::map<std::uint16_t, std::uint16_t>;

struct Personal {
  Customizations values;
  std::vector<std::string> warnings;
  std::string error;
};

Personal read_personal(const std::string& text) {
  Personal outcome;
  if (const auto mistake = apply_customizations(Json::parse(text), {"customizations", "fairlead"},
                                                outcome.values, outcome.warnings)) {
    outcome.error = to_text(*mistake);
  }
  return outcome;
}

TEST(Customizations, AreRead) {
  const Personal all = read_personal(
      R"({"hostPorts":{"3000":13000,"80":8080},"maxAutoForwards":0,"allServices":true,
          "natProxy":{"80":true,"81":false}})");
  EXPECT_EQ(all.error, "");
  EXPECT_EQ(all.values.host_ports, (HostPorts{{3000, 13000}, {80, 8080}}));
  EXPECT_EQ(all.values.max_auto_forwards, 0U);
  EXPECT_TRUE(all.values.all_services);
  EXPECT_EQ(all.values.nat_proxy, (NatWish{{}, {{80, true}, {81, false}}}));
  EXPECT_EQ(read_personal("{}").values, Customizations());
  EXPECT_EQ(read_personal(R"({"natProxy":true})").values.nat_proxy.everywhere, true);
}

TEST(Customizations, ErrorsNameThePropertyAndTheValue) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "customizations.fairlead must be an object, not []"},
      {R"({"hostPorts":[]})", "customizations.fairlead.hostPorts must"},
      {R"({"hostPorts":{"x":1}})", "customizations.fairlead.hostPorts.x is not named by a port"},
      {R"({"hostPorts":{"0":1}})", "hostPorts[\"0\"] is not named"},
      {R"({"hostPorts":{"3000-3001":1}})", "hostPorts[\"3000-3001\"] is not named"},
      {R"({"hostPorts":{"80":70000}})",
       "hostPorts[\"80\"] must be a port from 1 to 65535, not 70000"},
      {R"({"hostPorts":{"80":"8080"}})", "hostPorts[\"80\"] must"},
      {R"({"maxAutoForwards":-1})", "maxAutoForwards must be a number from 0 to 65535, not -1"},
      {R"({"maxAutoForwards":1.5})", "maxAutoForwards must"},
      {R"({"allServices":"yes"})", "allServices must be true or false"},
      {R"({"natProxy":"on"})", "natProxy must"},
      {R"({"natProxy":{"80":1}})", "natProxy[\"80\"] must be true or false"},
      {R"({"natProxy":{"http":true}})", "natProxy.http is not named by a port"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_NE(read_personal(text).error.find(error), std::string::npos)
        << text << " -> " << read_personal(text).error;
  }
}

TEST(Customizations, ATypingErrorIsAWarningThatNamesIt) {
  const Personal typo = read_personal(R"({"hostPort":{"3000":1},"allServices":true})");
  EXPECT_EQ(typo.error, "");
  ASSERT_EQ(typo.warnings.size(), 1U);
  EXPECT_TRUE(typo.warnings[0].starts_with("customizations.fairlead.hostPort is not known"))
      << typo.warnings[0];
}

// --- The personal file ---

Customizations applied(const std::string& text, const std::string& folder,
                       Customizations base = {}) {
  const auto personal = parse_personal_config(text, "/c.json");
  if (!personal) {
    ADD_FAILURE() << personal.error().message();
    return {};
  }
  apply_personal(*personal, folder, base);
  return base;
}

TEST(PersonalConfig, TheFoldersWordsCountMoreThanThoseForAll) {
  constexpr const char* kWritten = R"({
      // mine
      "workspaces": {
        "/a/b": {"hostPorts": {"3000": 1}, "allServices": false},
        "*": {"hostPorts": {"3000": 2, "4000": 3}, "maxAutoForwards": 5, "allServices": true},
      }})";
  Customizations file;
  file.host_ports = {{3000, 9}, {5000, 9}};
  file.nat_proxy.everywhere = true;
  const Customizations own = applied(kWritten, "/a/b", file);
  EXPECT_EQ(own.host_ports, (HostPorts{{3000, 1}, {4000, 3}, {5000, 9}}));
  EXPECT_EQ(own.max_auto_forwards, 5U);
  EXPECT_FALSE(own.all_services);
  EXPECT_EQ(own.nat_proxy.everywhere, true);
  EXPECT_EQ(applied(kWritten, "/a", file).host_ports, (HostPorts{{3000, 2}, {4000, 3}, {5000, 9}}));
  EXPECT_FALSE(applied(kWritten, "/a/b/").all_services) << "a slash at the end is none";
  EXPECT_EQ(applied("{}", "/a", file), file);
}

TEST(PersonalConfig, ErrorsNameFileAndLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"{\n\"workspaces\": []\n}", "/c.json:2:1: \"workspaces\" must be an object, not []"},
      {"{\"workspaces\": {\n\"*\": 7}}", "/c.json:2:1: workspaces[\"*\"] must be an object, not 7"},
      {"{\"workspaces\": {\"/a\": {\n \"hostPorts\": {\"80\":\n\n 0}}}}",
       "/c.json:2:16: workspaces[\"/a\"].hostPorts[\"80\"] must"},
      {"[]", "/c.json:1:1: must be an object, not []"},
      {"{\n \"workspaces\" {}}", "/c.json:2:"},
      {"", "/c.json:1:1: "},
  };
  for (const auto& [text, error] : cases) {
    const auto personal = parse_personal_config(text, "/c.json");
    ASSERT_FALSE(personal) << text;
    EXPECT_TRUE(personal.error().message().starts_with(error)) << personal.error().message();
  }
}

TEST(PersonalConfig, WarnsOfWhatHasNoEffect) {
  for (const char* text : {R"({"workspace":{}})", R"({"workspaces":{"relative":{}}})",
                           R"({"workspaces":{"/a":{"hostPort":{}}}})"}) {
    const auto personal = parse_personal_config(text, "/c.json");
    ASSERT_TRUE(personal) << text;
    ASSERT_EQ(personal->warnings.size(), 1U) << text;
    EXPECT_TRUE(personal->warnings[0].starts_with("/c.json: ")) << personal->warnings[0];
  }
}

TEST(PersonalConfig, LiesWhereTheDesktopSays) {
  const auto path = [](const std::string& xdg, const std::string& home) {
    return personal_config_path([&](const std::string& name) -> std::optional<std::string> {
      const std::string value = name == "XDG_CONFIG_HOME" ? xdg : name == "HOME" ? home : "";
      return value.empty() ? std::nullopt : std::optional(value);
    });
  };
  EXPECT_EQ(path("/x", "/home/me"), "/x/fairlead/config.json");
  EXPECT_EQ(path("", "/home/me"), "/home/me/.config/fairlead/config.json");
  EXPECT_EQ(path("relative", "/home/me"), "/home/me/.config/fairlead/config.json");
  EXPECT_EQ(path("", ""), std::nullopt);
}

}  // namespace
}  // namespace fairlead::config
