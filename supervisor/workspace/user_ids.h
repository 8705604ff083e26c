// `updateRemoteUserUID`: an image in which the remote user has the ids of the user on the host, so
// that files of the workspace belong to the same one on both sides. Pure. SPEC.md "Creation".
//
// Names come from configurations and images and go into a Dockerfile: only such as cannot be
// anything else there are taken.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "supervisor/config/devcontainer_config.h"
#include "supervisor/workspace/container_maker.h"

namespace fairlead::workspace {

struct UserIds {
  uid_t uid = 0;
  gid_t gid = 0;
};

// The user whose ids are to follow those of the host's user; nothing if they are to stay.
// `mode` is that of --update-remote-user-uid-default: "on", "off" (unless the configuration says
// otherwise) or "never".
std::optional<std::string> user_to_update(const config::DevcontainerConfig& config,
                                          const PreparedImage& image, const std::string& mode,
                                          const UserIds& host);

// What the changed image is called.
std::string updated_image_name(const std::string& folder, const std::string& image);

// The whole Dockerfile; it takes the image's name as the build argument BASE_IMAGE. A user that
// the image does not have, or ids that it has already, leave it as it is.
std::string uid_dockerfile(const std::string& user, const std::string& image_user,
                           const UserIds& ids);
std::vector<std::string> uid_build_arguments(const std::string& name, const std::string& base);

}  // namespace fairlead::workspace
