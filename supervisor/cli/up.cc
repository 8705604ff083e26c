#include "supervisor/workspace/up.h"

#include "supervisor/cli/console.h"
#include "supervisor/cli/forwarding.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"

namespace fairlead::cli {

int run_up(const UpOptions& options) {
  workspace::UpRequest request;
  request.folder = absolute_folder(options.workspace_folder);
  request.config_path = options.config.empty() ? "" : absolute_folder(options.config);
  request.id_labels = options.id_labels;
  request.auto_forward = options.auto_forward;
  request.strict_forwarding = options.strict_forwarding;
  request.remove_existing = options.remove_existing;
  request.expect_existing = options.expect_existing;
  request.skip_lifecycle = options.skip_post_create;
  request.mount_git_root = options.mount_git_root;
  request.user_data_folder = options.state.user_data_folder;
  request.log_level = options.state.log_level;
  request.log_format = options.state.log_format;
  auto rules = forwarding_rules(options.forwarding);
  if (!rules) return kUsageError;
  request.rules = std::move(*rules);
  auto engine = engine::open_engine(options.engine);
  if (!engine) {
    return print_failure("The container engine cannot be used.", engine.error().message());
  }
  const auto done = workspace::up(**engine, request, say);
  if (!done) return print_failure("The dev container could not be set up.", done.error().message());
  print_result({{"outcome", "success"},
                {"containerId", done->container_id},
                {"remoteUser", done->remote_user},
                {"remoteWorkspaceFolder", done->remote_workspace_folder}});
  return kSuccess;
}

}  // namespace fairlead::cli
