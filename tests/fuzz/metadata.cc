// An image's label devcontainer.metadata, and what it may make of a configuration.
#include "supervisor/config/metadata.h"

#include "supervisor/config/devcontainer_config.h"
#include "tests/fuzz/require.h"

using namespace fairlead;
using config::Json;

FAIRLEAD_FUZZER(metadata) {
  const std::string label(fuzz::text_of(data, size));
  const std::vector<Json> entries = config::parse_metadata(label);
  fuzz::require(entries.size() <= config::kMaxMetadataEntries, "entries are bounded");
  for (const Json& entry : entries) fuzz::require(entry.is_object(), "an entry is an object");

  const Json own = Json::parse(
      R"({"image":"i","runArgs":["--rm"],"initializeCommand":"true","forwardPorts":[3000],
          "postCreateCommand":"own","remoteEnv":{"A":"b"},"customizations":{"fairlead":{}}})");
  const Json merged = config::merge_metadata(own, entries);
  for (const char* of_the_file : {"image", "runArgs", "initializeCommand"}) {
    fuzz::require(merged.at(of_the_file) == own.at(of_the_file), "the file alone says this");
  }
  fuzz::require(!merged.contains("build") && !merged.contains("dockerComposeFile") &&
                    !merged.contains("workspaceMount") && !merged.contains("appPort"),
                "an image adds nothing of the host's part");
  fuzz::require(merged.at("postCreateCommands").back() == "own", "the file's command is last");

  const std::string written = config::metadata_label(own, label);
  fuzz::require(written.find('\n') == std::string::npos, "a label is one line");
  fuzz::require(config::parse_metadata(written).size() ==
                    std::min(entries.size() + 1, config::kMaxMetadataEntries),
                "what is written can be read");

  const auto parsed = config::parse_config(merged, "f", {});
  fuzz::require(parsed || parsed.error().message().starts_with("f: "), "an error names the file");
  return 0;
}
