#include "supervisor/workspace/compose_maker.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "base/held_signals.h"
#include "base/text_file.h"
#include "supervisor/engine/project.h"
#include "supervisor/workspace/compose_override.h"
#include "supervisor/workspace/compose_project.h"
#include "supervisor/workspace/compose_start.h"
#include "supervisor/workspace/identity.h"
#include "supervisor/workspace/temporary_file.h"

namespace fairlead::workspace {
namespace {

constexpr std::size_t kDotEnvLimit = 1U << 20;
constexpr std::size_t kFileLimit = 4U << 20;
constexpr const char* kOverrideName = "compose.fairlead.json";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// There, but nothing that ends: Compose would wait for whoever writes into a FIFO.
bool is_no_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
}

bool is_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// Empty for what is not there or no ordinary file; Compose itself will say what is wrong with it.
std::string text_of(const std::string& path, std::size_t limit) {
  if (!is_file(path)) return {};
  const auto text = base::read_text_file(path, limit);
  return text ? *text : std::string();
}

}  // namespace

base::Result<std::unique_ptr<ComposeMaker>> ComposeMaker::open(engine::Engine& engine,
                                                               const config::ComposeService& wanted,
                                                               const std::string& workspace_folder,
                                                               const std::string& compose_path) {
  std::unique_ptr<ComposeMaker> maker(new ComposeMaker(engine, wanted, workspace_folder));
  if (auto read = maker->read_project(compose_path); !read) return read.error();
  return maker;
}

base::Result<void> ComposeMaker::read_project(const std::string& compose_path) {
  auto tool = engine::find_compose(engine_, compose_path);
  if (!tool) return tool.error();
  tool_ = std::move(*tool);
  const std::string dot_env = text_of(workspace_folder_ + "/.env", kDotEnvLimit);
  choose_files(dot_env);
  for (const std::string& file : project_.files) {
    if (is_no_file(file)) return base::plain_error(file + " is not a regular file");
  }
  const auto printed = engine::ask_compose(engine::compose_config_arguments(tool_, project_));
  if (!printed) return printed.error();
  auto parsed = parse_compose_config(*printed);
  if (!parsed) return parsed.error();
  config_ = std::move(*parsed);
  if (!config_.services.contains(wanted_.service)) {
    std::string names;
    for (const auto& [name, service] : config_.services)
      names += (names.empty() ? "" : ", ") + name;
    return base::plain_error("the Compose project has no service \"" + wanted_.service +
                             "\"; it has " + (names.empty() ? "none" : names));
  }
  choose_name(dot_env);
  if (project_.name.empty()) {
    return base::plain_error(
        "nothing in the name of the folder can be part of a Compose project's "
        "name; set COMPOSE_PROJECT_NAME");
  }
  return {};
}

void ComposeMaker::choose_files(const std::string& dot_env) {
  project_.files = compose_files(
      {wanted_.files, environment("COMPOSE_FILE"), dot_env, workspace_folder_}, is_file);
  const std::string env_file = workspace_folder_ + "/.env";
  if (wanted_.files.empty() && is_file(env_file)) project_.env_file = env_file;
  if (tool_.needs_same_versions()) {
    file_version_ = parse_compose_file_head(text_of(project_.files.front(), kFileLimit)).version;
  }
}

void ComposeMaker::choose_name(const std::string& dot_env) {
  ProjectNameSources sources;
  sources.environment = environment("COMPOSE_PROJECT_NAME");
  sources.dot_env = dot_env;
  sources.config_name = config_.name;
  sources.files_name_it =
      std::any_of(project_.files.begin(), project_.files.end(), [](const std::string& file) {
        return !parse_compose_file_head(text_of(file, kFileLimit)).name.empty();
      });
  sources.workspace_folder = workspace_folder_;
  sources.first_file = project_.files.front();
  sources.keeps_dashes = tool_.keeps_dashes();
  project_.name = compose_project_name(sources);
}

std::vector<std::string> ComposeMaker::services() const {
  std::vector<std::string> names = wanted_.run_services;
  const bool all = names.empty();
  if (!all && std::find(names.begin(), names.end(), wanted_.service) == names.end()) {
    names.push_back(wanted_.service);
  }
  return names;
}

bool ComposeMaker::any_builds() const {
  return std::any_of(config_.services.begin(), config_.services.end(),
                     [](const auto& entry) { return entry.second.builds; });
}

base::Result<std::optional<target::Target>> ComposeMaker::find() {
  auto found = engine_.find_by_labels({std::string(engine::kProjectLabel) + "=" + project_.name,
                                       std::string(engine::kServiceLabel) + "=" + wanted_.service});
  if (!found) return found.error();
  std::erase_if(*found, engine::is_one_off);
  return best_of(std::move(*found));
}

base::Result<void> ComposeMaker::resume(const target::Target& container) {
  if (container.running) return {};
  return engine::run_compose(engine::compose_up_arguments(tool_, project_, services(), false),
                             "up");
}

base::Result<void> ComposeMaker::remove(const target::Target& container) {
  return engine_.remove(container.id);
}

base::Result<PreparedImage> ComposeMaker::prepare_image() {
  if (any_builds()) {
    const auto built =
        engine::run_compose(engine::compose_build_arguments(tool_, project_, services()), "build");
    if (!built) return built.error();
  }
  image_ =
      service().image.empty() ? tool_.built_image(project_.name, wanted_.service) : service().image;
  auto description = engine_.inspect_image(image_, !service().builds);
  if (!description) return description.error();
  return PreparedImage{image_, std::move(*description), service().user};
}

std::string ComposeMaker::override_text(const CreationPlan& plan) const {
  const config::DevcontainerConfig& config = plan.config;
  ComposeOverride what;
  what.file_version = file_version_;
  what.service = wanted_.service;
  if (plan.image.name != image_) what.image = plan.image.name;
  what.labels = plan.labels;
  what.environment = config.container_env;
  what.user = config.container_user;
  what.init = config.init;
  what.privileged = config.privileged;
  what.cap_add = config.cap_add;
  what.security_opt = config.security_opt;
  what.mounts = config.mounts;
  what.mounts.insert(what.mounts.end(), plan.mounts.begin(), plan.mounts.end());
  what.declared_volumes = config_.volumes;
  return compose_override_text(
      what, compose_start(config.override_command.value_or(false), config.entrypoints, service(),
                          plan.image.description));
}

base::Result<std::string> ComposeMaker::create(const CreationPlan& plan) {
  const base::HeldSignals held;  // longer than the file
  const auto file = TemporaryFile::create(kOverrideName, override_text(plan), workspace_folder_);
  if (!file) return file.error();
  engine::ComposeProject project = project_;
  project.files.push_back(file->path());
  const auto done =
      engine::run_compose(engine::compose_up_arguments(tool_, project, services(), true), "up");
  if (!done) return done.error();
  const auto container = find();
  if (!container) return container.error();
  if (!*container) {
    return base::plain_error("Compose has made no container for service \"" + wanted_.service +
                             "\" of project " + project_.name);
  }
  return (*container)->id;
}

std::map<std::string, config::NatWish> ComposeMaker::nat_wishes() const {
  std::map<std::string, config::NatWish> wishes;
  for (const auto& [name, service] : config_.services) {
    if (service.nat.is_said()) wishes[name] = service.nat;
  }
  return wishes;
}

}  // namespace fairlead::workspace
