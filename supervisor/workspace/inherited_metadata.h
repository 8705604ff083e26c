// Which entries of a container's `devcontainer.metadata` are not its configuration's own. Pure.
// SPEC.md "Image metadata".
#pragma once

#include <vector>

#include "supervisor/config/jsonc.h"

namespace fairlead::workspace {

// The label holds the image's entries and, last, that of the configuration which the container was
// made for. That one is out of date as soon as the file has changed; the file itself takes its
// place. It is missing from the label if it said nothing that is kept there, so the image's own
// label decides. `image_may_hold_own`: the image was built for this workspace, and may hold the
// configuration's entry itself.
std::vector<config::Json> inherited_entries(std::vector<config::Json> of_container,
                                            const std::vector<config::Json>& of_image,
                                            bool image_may_hold_own);

}  // namespace fairlead::workspace
