#include "supervisor/workspace/exec.h"

#include <cerrno>

#include "supervisor/workspace/creation.h"
#include "supervisor/workspace/identity.h"

namespace fairlead::workspace {
namespace {

std::string label_of(const target::Target& container, const char* name) {
  const auto found = container.labels.find(name);
  return found == container.labels.end() ? std::string() : found->second;
}

base::Result<target::Target> find(engine::Engine& engine, const ExecQuery& query,
                                  const base::Result<Configuration>& configuration) {
  if (!query.container_id.empty()) {
    auto container = engine.inspect(query.container_id);
    if (!container && container.error().code.value() == ENOENT) {
      return base::plain_error("there is no container \"" + query.container_id + "\"");
    }
    return container;
  }
  // By labels of one's own no file is needed to find it.
  Identity identity{query.configuration.folder, "", query.configuration.id_labels};
  if (configuration) {
    identity = configuration->identity();
  } else if (identity.id_labels.empty()) {
    return configuration.error();
  }
  auto found = find_container(engine, identity);
  if (!found) return found.error();
  if (*found) return std::move(**found);
  return base::plain_error(
      "there is no dev container for " +
      (identity.id_labels.empty() ? identity.folder : std::string("these labels")) +
      "; fairlead up makes it");
}

// Of the folder and file that a container was made for, where nobody names others.
base::Result<Configuration> configuration_of(const ExecQuery& query) {
  return Configuration::load(query.configuration);
}

base::Result<Configuration> configuration_of(const ExecQuery& query,
                                             const target::Target& container) {
  ConfigurationRequest request = query.configuration;
  if (!query.folder_is_given) request.folder = label_of(container, kFolderLabel);
  const bool asked_for = query.folder_is_given || !query.configuration.config_path.empty() ||
                         !query.configuration.override_path.empty();
  if (request.folder.empty() && asked_for) request.folder = query.configuration.folder;
  if (request.folder.empty()) return Configuration::without_file("", container);
  if (request.config_path.empty()) request.config_path = label_of(container, kConfigLabel);
  auto loaded = Configuration::load(request);
  if (loaded || asked_for) return loaded;
  return Configuration::without_file(request.folder, container);  // moved, or another machine's
}

}  // namespace

base::Result<engine::ExecRequest> resolve_exec(engine::Engine& engine, const ExecQuery& query,
                                               const std::function<void(const std::string&)>& say) {
  const bool by_id = !query.container_id.empty();
  auto configuration =
      by_id ? base::Result<Configuration>(base::plain_error("")) : configuration_of(query);
  const auto container = find(engine, query, configuration);
  if (!container) return container.error();
  if (!container->running) {
    return base::plain_error("container " + container->name +
                             " is not running; fairlead up starts it");
  }
  if (!configuration) configuration = configuration_of(query, *container);
  if (!configuration) return configuration.error();
  if (auto merged = merge_metadata_of(engine, *container, *configuration); !merged) {
    return merged.error();
  }
  if (query.configuration.id_labels.empty() && !by_id &&
      label_of(*container, kConfigLabel).empty()) {
    if (auto known = configuration->identify_by_folder(); !known) return known.error();
  }
  if (auto known = configuration->complete(container->environment); !known) return known.error();
  RemoteUser user(engine, configuration->config(), *container, configuration->mount().folder,
                  query.remote);
  engine::ExecRequest request = user.command(query.command);
  if (const std::string complaint = user.take_complaint(); !complaint.empty()) {
    say("fairlead: " + complaint);
  }
  return request;
}

}  // namespace fairlead::workspace
