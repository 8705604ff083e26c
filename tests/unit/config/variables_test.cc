#include "supervisor/config/variables.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

VariableContext context_of_variables() {
  VariableContext result;
  result.local_workspace_folder = "/home/me/project";
  result.container_workspace_folder = "/workspaces/project";
  result.devcontainer_id = "id52";
  result.local_env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME") return "/home/me";
    if (name == "EMPTY") return "";
    if (name == "NESTED") return "${localEnv:HOME}";
    return std::nullopt;
  };
  return result;
}

TEST(Variables, AreReplaced) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"${localEnv:HOME}", "/home/me"},
      {"${env:HOME}", "/home/me"},
      {"a${env:HOME}b${env:HOME}c", "a/home/meb/home/mec"},
      {"${localWorkspaceFolder}", "/home/me/project"},
      {"${localWorkspaceFolderBasename}", "project"},
      {"${containerWorkspaceFolder}", "/workspaces/project"},
      {"${containerWorkspaceFolderBasename}", "project"},
      {"${devcontainerId}", "id52"},
      {"${localWorkspaceFolder}/x:${containerWorkspaceFolder}/x",
       "/home/me/project/x:/workspaces/project/x"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(substitute(text, context_of_variables()), expected);
}

TEST(Variables, MissingOnesAreEmptyOrTheirDefault) {
  const std::pair<const char*, const char*> cases[] = {
      {"[${localEnv:NONE}]", "[]"},
      {"[${env:NONE}]", "[]"},
      {"[${localEnv:NONE:fallback}]", "[fallback]"},
      {"[${localEnv:NONE:}]", "[]"},
      {"[${localEnv:HOME:fallback}]", "[/home/me]"},
      {"[${localEnv:EMPTY:fallback}]", "[]"},
      {"[${localEnv:}]", "[]"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(substitute(text, context_of_variables()), expected);
}

TEST(Variables, UnknownFormsStay) {
  for (const char* text :
       {"${}", "${x}", "${localEnv}", "${env}", "${containerEnv:PATH}", "${containerEnv:A:b}",
        "${localWorkspaceFolder:x}", "${LOCALENV:HOME}", "$localEnv:HOME", "${localEnv:HOME", "${",
        "$", "{}", "$${", "${ localEnv:HOME}", "${input:password}"}) {
    EXPECT_EQ(substitute(text, context_of_variables()), text);
  }
}

TEST(Variables, AValueIsNotLookedThroughAgain) {
  EXPECT_EQ(substitute("${env:NESTED}", context_of_variables()), "${localEnv:HOME}");
}

TEST(Variables, AnUnknownFormDoesNotHideTheNext) {
  EXPECT_EQ(substitute("${x}${env:HOME}${y}", context_of_variables()), "${x}/home/me${y}");
  EXPECT_EQ(substitute("$$${env:HOME}", context_of_variables()), "$$/home/me");
}

TEST(Variables, OfTheContainerStayWhileItsFolderIsNotKnown) {
  VariableContext early = context_of_variables();
  early.container_workspace_folder.clear();
  EXPECT_EQ(substitute("${containerWorkspaceFolder}/x", early), "${containerWorkspaceFolder}/x");
  EXPECT_EQ(substitute("${containerWorkspaceFolderBasename}", early),
            "${containerWorkspaceFolderBasename}");
}

TEST(Variables, OfTheContainersEnvironmentAreReplacedOnceItIsKnown) {
  VariableContext late = context_of_variables();
  late.container_env = [](const std::string& name) -> std::optional<std::string> {
    if (name == "PATH") return "/usr/bin";
    if (name == "TRICK") return "${localEnv:HOME}${containerEnv:PATH}";
    return std::nullopt;
  };
  const std::pair<const char*, const char*> cases[] = {
      {"${containerEnv:PATH}:/x", "/usr/bin:/x"},
      {"[${containerEnv:NONE}]", "[]"},
      {"[${containerEnv:NONE:a:b}]", "[a:b]"},
      {"${containerEnv:TRICK}", "${localEnv:HOME}${containerEnv:PATH}"},
      {"${containerEnv}", "${containerEnv}"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(substitute(text, late), expected);
    EXPECT_EQ(substitute_container_env(text, late.container_env), expected);
  }
  EXPECT_EQ(substitute_container_env("${localEnv:HOME}", late.container_env), "${localEnv:HOME}")
      << "what an earlier replacement brought in is left alone";
  EXPECT_EQ(substitute_container_env("${containerEnv:PATH}", {}), "${containerEnv:PATH}");
}

TEST(Variables, WithoutAnEnvironmentNothingIsSet) {
  EXPECT_EQ(substitute("[${localEnv:HOME}${env:A:b}]", {}), "[b]");
}

TEST(Variables, DoNotBlowUpTheMemory) {
  VariableContext big = context_of_variables();
  big.local_env = [](const std::string&) { return std::string(100'000, 'x'); };
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "${env:A}";
  EXPECT_LT(substitute(text, big).size(), 8U << 20);
}

TEST(Variables, OfManyKeysTakeNoLongTime) {
  Json::object_t members;
  for (int i = 0; i < 100'000; ++i) members.emplace_back(std::to_string(i), "${env:HOME}");
  const Json replaced = substitute_all(Json(std::move(members)), context_of_variables());
  EXPECT_EQ(replaced.size(), 100'000U);
  EXPECT_EQ(replaced.begin()->get<std::string>(), "/home/me");
}

TEST(Variables, AreReplacedInEveryStringValueButNotInKeys) {
  const Json value = Json::parse(
      R"({"${env:HOME}":"${env:HOME}","a":["${devcontainerId}",7,null,true,{"b":"${env:NONE}"}]})");
  EXPECT_EQ(substitute_all(value, context_of_variables()).dump(),
            R"({"${env:HOME}":"/home/me","a":["id52",7,null,true,{"b":""}]})");
}

TEST(Variables, LongTextsTakeNoLongTime) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "${x}$";
  EXPECT_EQ(substitute(text, context_of_variables()), text);
}

// Expected values: SHA-256 of JSON.stringify(labels, sorted keys) as a number in base 32, padded to
// 52 digits, computed with the reference CLI's own function.
TEST(DevcontainerId, IsTheReferenceClis) {
  using Labels = std::map<std::string, std::string>;
  const std::pair<Labels, const char*> cases[] = {
      {{{"devcontainer.local_folder", "/workspaces/project"},
        {"devcontainer.config_file", "/workspaces/project/.devcontainer/devcontainer.json"}},
       "0vbb67vmrk5vqh7pfkbd8mg849p1ccnfib90jafkrvu94fblqfsr"},
      {{{"b", "2"}, {"a", "1"}, {"10", "x"}, {"9", "y"}},
       "04790jm2aseuja8a385cu887apm6ek0ltvh1v24rg18smv9s2uur"},
      {{}, "0h0jduhlbcr7h88kdb8muvk697kkvd7s47v7fq1h1g30uoealvsa"},
      {{{"n", "110"}}, "00iamu8frjb7p05n1jq35gne1mo5np6hklvn86h6eiaja91ha0js"},
      {{{"quote", "a\"b\\c/d\x01\t\n\x7f"},
        {"umlaut",
         "Gr\xc3\xb6\xc3\x9f"
         "e \xf0\x9f\x99\x82"}},
       "1qdb1h0com8uo7q3m7bsf4kldpsvma9tq98dindm5jcsbb0jac57"},
  };
  for (const auto& [labels, expected] : cases) EXPECT_EQ(devcontainer_id(labels), expected);
}

TEST(DevcontainerId, HasAValueForAFolderWhoseNameIsNoUtf8) {
  // The reference CLI sees U+FFFD in place of such a byte.
  EXPECT_NO_THROW(EXPECT_EQ(devcontainer_id({{"a", "\xff"}}),
                            "1vp87e90tcmr85s1tsgjl71a8a7j14ka5je7fdjto516ahdkts1f"));
}

}  // namespace
}  // namespace fairlead::config
