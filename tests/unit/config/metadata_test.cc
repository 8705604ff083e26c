// Images' metadata under a configuration, as the reference CLI merges them.
#include "supervisor/config/metadata.h"

#include <gtest/gtest.h>

#include "supervisor/config/devcontainer_config.h"

namespace fairlead::config {
namespace {

Json merged(const std::string& config, const std::string& label) {
  return merge_metadata(Json::parse(config), parse_metadata(label));
}

std::size_t entries(const std::string& label) { return parse_metadata(label).size(); }

TEST(ParseMetadata, TakesAnArrayOrAnObject) {
  EXPECT_EQ(entries(R"([{"a":1},{"b":2}])"), 2U);
  EXPECT_EQ(entries(R"({"a":1})"), 1U);
  EXPECT_EQ(entries(R"([{},{"a":1},7,null,[{"x":1}],"x"])"), 1U);
  EXPECT_EQ(parse_metadata(R"([{"z":1,"a":2}])")[0].dump(), R"({"z":1,"a":2})");
}

TEST(ParseMetadata, GarbageIsNothing) {
  const std::string deep(5000, '[');
  for (const std::string& label :
       {std::string(), std::string("null"), std::string("7"), std::string("["), deep,
        std::string("[{\"a\":1}"), std::string("\0\xff", 2), std::string("// c\n[{\"a\":1}]"),
        "[{\"a\":\"" + std::string(kMetadataLimit, 'x') + "\"}]"}) {
    EXPECT_EQ(entries(label), 0U) << label.substr(0, 40);
  }
}

TEST(ParseMetadata, IsBounded) {
  std::string many = "[{\"a\":1}";
  for (int i = 0; i < 1000; ++i) many += ",{\"a\":1}";
  EXPECT_EQ(entries(many + "]"), kMaxMetadataEntries);
}

TEST(MergeMetadata, CommandsCollectInOrder) {
  const Json all = merged(R"({"image":"i","postCreateCommand":["own"],"onCreateCommand":""})",
                          R"([{"postCreateCommand":"base"},{"postCreateCommand":{"a":"b"}}])");
  EXPECT_EQ(all["postCreateCommands"].dump(), R"(["base",{"a":"b"},["own"]])");
  EXPECT_EQ(all["onCreateCommands"].dump(), "[]");
  EXPECT_FALSE(all.contains("postCreateCommand"));
  const auto config = parse_config(all, "/p/devcontainer.json", {});
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->lifecycle.at("postCreateCommand").size(), 3U);
  EXPECT_EQ(config->lifecycle.at("postCreateCommand")[1].parts[0].first, "a");
  EXPECT_FALSE(config->lifecycle.contains("onCreateCommand"));
}

TEST(MergeMetadata, TheLastWordCounts) {
  const std::string image =
      R"([{"remoteUser":"a","waitFor":"postCreateCommand","overrideCommand":false,
           "updateRemoteUserUID":false,"userEnvProbe":"none","containerUser":"c",
           "shutdownAction":"none","otherPortsAttributes":{"label":"x","protocol":"http"}},
          {"remoteUser":"b","otherPortsAttributes":{"label":"y"}}])";
  const Json silent = merged(R"({"image":"i"})", image);
  EXPECT_EQ(silent["remoteUser"], "b");
  EXPECT_EQ(silent["waitFor"], "postCreateCommand");
  EXPECT_EQ(silent["overrideCommand"], false);
  EXPECT_EQ(silent["updateRemoteUserUID"], false);
  EXPECT_EQ(silent["otherPortsAttributes"].dump(), R"({"label":"y"})");
  EXPECT_EQ(silent["shutdownAction"], "none");
  const Json own = merged(R"({"image":"i","remoteUser":"me","overrideCommand":true,
                              "shutdownAction":"stopContainer","containerUser":""})",
                          image);
  EXPECT_EQ(own["remoteUser"], "me");
  EXPECT_EQ(own["overrideCommand"], true);
  EXPECT_EQ(own["shutdownAction"], "stopContainer");
  EXPECT_EQ(own["containerUser"], "c") << "an empty text says nothing";
}

TEST(MergeMetadata, ListsUnite) {
  const Json all =
      merged(R"({"capAdd":["A","B"],"securityOpt":["s"],"init":false})",
             R"([{"capAdd":["B","C"],"init":true,"entrypoint":"/one"},{"entrypoint":"/two"}])");
  EXPECT_EQ(all["capAdd"].dump(), R"(["B","C","A"])");
  EXPECT_EQ(all["securityOpt"].dump(), R"(["s"])");
  EXPECT_EQ(all["entrypoints"].dump(), R"(["/one","/two"])");
  EXPECT_EQ(all["init"], true);
  EXPECT_EQ(all["privileged"], false);
  const Json none = merged(R"({"image":"i"})", "");
  for (const char* absent : {"capAdd", "securityOpt", "entrypoints", "mounts", "customizations",
                             "forwardPorts", "hostRequirements", "waitFor", "remoteUser"}) {
    EXPECT_FALSE(none.contains(absent)) << absent;
  }
}

TEST(MergeMetadata, MountsAreOneForEachTarget) {
  const Json all = merged(
      R"({"mounts":["type=volume,source=own,target=/v",{"type":"bind","source":"/b","target":"/w"}]})",
      R"([{"mounts":["source=base,dst=/v,type=volume","source=x,destination=/x,type=volume",
                     {"type":"volume","source":"y","target":"/w"}]}])");
  EXPECT_EQ(all["mounts"].dump(),
            R"(["source=x,destination=/x,type=volume","type=volume,source=own,target=/v",)"
            R"({"type":"bind","source":"/b","target":"/w"}])");
}

TEST(MergeMetadata, EnvironmentsMergeByVariable) {
  const Json all = merged(R"({"remoteEnv":{"A":null,"C":"3"},"containerEnv":{"X":"own"}})",
                          R"([{"remoteEnv":{"A":"1","B":"2"},"containerEnv":{"X":"1","Y":"2"}}])");
  EXPECT_EQ(all["remoteEnv"].dump(), R"({"A":null,"B":"2","C":"3"})");
  EXPECT_EQ(all["containerEnv"].dump(), R"({"X":"own","Y":"2"})");
}

TEST(MergeMetadata, PortsAttributesAreReplacedKeyByKeyAndWhole) {
  const Json all = merged(R"({"portsAttributes":{"3000":{"label":"own"}}})",
                          R"({"portsAttributes":{"3000":{"label":"base","protocol":"https"},
                                                 "4000":{"label":"four"}}})");
  EXPECT_EQ(all["portsAttributes"].dump(), R"({"3000":{"label":"own"},"4000":{"label":"four"}})");
}

TEST(MergeMetadata, ThreeThousandAndItsLocalhostAreOne) {
  EXPECT_EQ(merged(R"({"forwardPorts":[3000,"localhost:3000","db:5432",4000]})",
                   R"([{"forwardPorts":["localhost:3000","db:5432",80]}])")["forwardPorts"]
                .dump(),
            R"([3000,"db:5432",80,4000])");
}

TEST(MergeMetadata, CustomizationsCollectByTool) {
  const Json all = merged(
      R"({"customizations":{"fairlead":{"hostPorts":{"3000":2}},"vscode":{"a":1}}})",
      R"([{"customizations":{"fairlead":{"hostPorts":{"3000":1,"4000":4}}}},{"customizations":{"x":7}}])");
  EXPECT_EQ(
      all["customizations"].dump(),
      R"({"fairlead":[{"hostPorts":{"3000":1,"4000":4}},{"hostPorts":{"3000":2}}],"x":[7],"vscode":[{"a":1}]})");
  Json with_image = all;
  with_image["image"] = "i";
  const auto config = parse_config(with_image, "/p/devcontainer.json", {});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->customizations.host_ports,
            (std::map<std::uint16_t, std::uint16_t>{{3000, 2}, {4000, 4}}));
}

TEST(MergeMetadata, HostRequirementsAreTheGreatest) {
  EXPECT_EQ(
      merged(
          R"({"hostRequirements":{"cpus":2,"memory":"8gb","gpu":"optional"}})",
          R"([{"hostRequirements":{"cpus":4,"memory":"512mb","storage":"1tb","gpu":{"cores":2}}}])")
          ["hostRequirements"]
              .dump(),
      R"({"cpus":4,"memory":"8589934592","storage":"1099511627776","gpu":{"cores":2}})");
}

TEST(MergeMetadata, AnImageAddsNothingOfTheHostsPart) {
  const Json all = merged(
      R"({"image":"i","initializeCommand":"own"})",
      R"([{"initializeCommand":"evil","initializeCommands":["evil"],"runArgs":["--privileged"],
           "image":"evil","build":{"dockerfile":"x"},"dockerComposeFile":"x","workspaceMount":"x",
           "appPort":80,"features":{"x":{}},"workspaceFolder":"/evil","secrets":{"X":{}},"name":"e"}])");
  EXPECT_EQ(all.dump().find("evil"), std::string::npos) << all.dump();
  for (const char* absent : {"runArgs", "build", "dockerComposeFile", "workspaceMount", "appPort",
                             "features", "secrets", "name", "initializeCommands"}) {
    EXPECT_FALSE(all.contains(absent)) << absent;
  }
}

TEST(MergeMetadata, WrongTypesOfALabelNeverThrow) {
  for (const char* key :
       {"mounts", "capAdd", "securityOpt", "customizations", "remoteEnv", "containerEnv",
        "portsAttributes", "otherPortsAttributes", "forwardPorts", "hostRequirements", "init",
        "remoteUser", "waitFor", "overrideCommand", "postCreateCommand", "entrypoint"}) {
    for (const char* value : {"7", "\"x\"", "true", "[]", "[7,null,{}]", "{}", "{\"a\":[1]}",
                              "{\"memory\":{}, \"gpu\":{\"cores\":\"x\"}}", "-1.5", "null"}) {
      const std::string label = std::string("[{\"") + key + "\":" + value + "}]";
      EXPECT_NO_THROW({
        const Json all = merged(R"({"image":"i"})", label);
        (void)parse_config(all, "/p", {});
        (void)metadata_label(Json::parse(R"({"image":"i"})"), label);
      }) << label;
    }
  }
}

TEST(MergeMetadata, ManyKeysTakeNoLongTime) {
  std::string label = "[{\"remoteEnv\":{";
  for (int i = 0; i < 60'000; ++i) label += "\"k" + std::to_string(i) + "\":\"\",";
  label += "\"z\":\"\"}}]";
  const Json all = merged(R"({"remoteEnv":{"z":"own"}})", label);
  EXPECT_EQ(all["remoteEnv"].size(), 60'001U);
  EXPECT_EQ(all["remoteEnv"]["z"], "own");
}

TEST(MetadataLabel, KeepsTheConfigurationsOwnProperties) {
  const Json raw = Json::parse(
      R"({"name":"n","image":"i","build":{},"runArgs":["x"],"remoteUser":"${localEnv:USER}",
          "forwardPorts":[3000],"postCreateCommand":"make","customizations":{"a":1},
          "appPort":80,"initializeCommand":"x","workspaceFolder":"/w"})");
  EXPECT_EQ(Json::parse(metadata_label(raw)),
            Json::parse(R"([{"postCreateCommand":"make","customizations":{"a":1},
                             "remoteUser":"${localEnv:USER}","forwardPorts":[3000]}])"));
}

TEST(MetadataLabel, PutsTheImagesEntriesFirst) {
  const Json raw = Json::parse(R"({"image":"i","remoteUser":"me"})");
  EXPECT_EQ(metadata_label(raw, R"([{"id":"f","init":true},{}])"),
            R"([{"id":"f","init":true},{"remoteUser":"me"}])");
  EXPECT_EQ(metadata_label(raw, R"({"init":true})"), R"([{"init":true},{"remoteUser":"me"}])");
  EXPECT_EQ(metadata_label(raw, "garbage"), R"([{"remoteUser":"me"}])");
}

TEST(MetadataLabel, IsAnEmptyListIfThereIsNothingToKeep) {
  EXPECT_EQ(metadata_label(Json::parse(R"({"image":"i"})")), "[]");
  EXPECT_EQ(metadata_label(Json::parse("{}")), "[]");
}

TEST(MetadataLabel, IsOneLine) {
  const std::string label =
      metadata_label(Json::parse(R"({"postCreateCommand":"a\nb","remoteUser":"x\ty"})"));
  EXPECT_EQ(label.find('\n'), std::string::npos);
  EXPECT_EQ(Json::parse(label)[0]["postCreateCommand"], "a\nb");
}

}  // namespace
}  // namespace fairlead::config
