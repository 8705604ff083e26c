// `devcontainer.metadata`: what images say of the containers made of them, merged under
// devcontainer.json as the reference CLI does. Pure. SPEC.md "Image metadata".
//
// The label is written by whoever built the image: it is bounded, garbage in it reads as nothing,
// and it never says what is run or mounted for the host's part (initializeCommand, runArgs, …).
// Thread rule: values.
#pragma once

#include <string>
#include <vector>

#include "supervisor/config/jsonc.h"

namespace fairlead::config {

inline constexpr std::size_t kMetadataLimit = 1U << 20;
inline constexpr std::size_t kMaxMetadataEntries = 256;

// An array or an object -> the objects in it that say something, in order; anything else -> none.
std::vector<Json> parse_metadata(const std::string& label);

// What of a configuration is kept in the container's label, as written.
Json metadata_entry(const Json& raw);
// The container's label: the image's entries, then the configuration's own, on one line.
std::string metadata_label(const Json& raw, const std::string& of_image = "");

// The configuration with the image's entries under it: commands as plural arrays
// ("onCreateCommands"), "entrypoints", customizations as one array for each tool. Of what only the
// file can say (image, runArgs, initializeCommand, …) the file's words stay.
Json merge_metadata(const Json& config, const std::vector<Json>& image_entries);

}  // namespace fairlead::config
