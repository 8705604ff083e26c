#include "supervisor/workspace/up.h"

#include "supervisor/cli/console.h"
#include "supervisor/cli/forwarding.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/cli/workspace_flags.h"

namespace fairlead::cli {
namespace {

workspace::UpRequest to_request(const UpOptions& options) {
  workspace::UpRequest request;
  request.configuration =
      configuration_request(options.configuration, options.workspace_folder, options.id_labels);
  request.remote = remote_options(options.configuration);
  for (const std::string& word : options.mounts) {
    request.creation.mounts.push_back(engine_mount(word));
  }
  request.creation.uid_mode = options.uid_mode;
  request.creation.publish_app_ports = !options.auto_forward;
  request.lifecycle.stop_after_wait_for = options.skip_non_blocking;
  request.lifecycle.skip_post_attach = options.skip_post_attach;
  request.lifecycle.dotfiles = {options.dotfiles_repository, options.dotfiles_install_command,
                                options.dotfiles_target_path};
  if (!options.secrets_file.empty()) {
    request.secrets_file = absolute_folder(options.secrets_file);
  }
  request.mount_flags = options.mounts;
  request.compose_path = options.compose_path;
  request.auto_forward = options.auto_forward;
  request.remove_existing = options.remove_existing;
  request.expect_existing = options.expect_existing;
  request.skip_lifecycle = options.skip_post_create;
  request.forwarding.strict = options.strict_forwarding;
  request.forwarding.user_data_folder = options.state.user_data_folder;
  request.forwarding.log_level = options.state.log_level;
  request.forwarding.log_format = options.state.log_format;
  return request;
}

}  // namespace

int run_up(const UpOptions& options) {
  workspace::UpRequest request = to_request(options);
  auto rules = forwarding_rules(options.forwarding);
  if (!rules) return kUsageError;
  request.forwarding.rules = std::move(*rules);
  auto engine = engine::open_engine(options.engine);
  if (!engine) {
    return print_failure("The container engine cannot be used.", engine.error().message());
  }
  const auto done = workspace::up(**engine, request, say);
  if (!done) return print_failure("The dev container could not be set up.", done.error().message());
  config::Json line{{"outcome", "success"}, {"containerId", done->container_id}};
  if (!done->compose_project.empty()) line["composeProjectName"] = done->compose_project;
  line["remoteUser"] = done->remote_user;
  line["remoteWorkspaceFolder"] = done->remote_workspace_folder;
  if (options.include_configuration) line["configuration"] = done->configuration;
  if (options.include_merged_configuration) {
    line["mergedConfiguration"] = done->merged_configuration;
  }
  print_result(line);
  return kSuccess;
}

}  // namespace fairlead::cli
