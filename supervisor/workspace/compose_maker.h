// The workspace's container as a service of a Compose project. SPEC.md "Compose".
// Thread rule: one thread, and no other in the program (children). Calls block; progress goes to
// stderr.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "supervisor/engine/compose.h"
#include "supervisor/workspace/compose_config.h"
#include "supervisor/workspace/container_maker.h"

namespace fairlead::workspace {

class ComposeMaker : public ContainerMaker {
 public:
  // Finds Compose (`compose_path`: --docker-compose-path, may be empty) and reads the project. An
  // error if there is none, its files make no sense to it, or it has no such service.
  static base::Result<std::unique_ptr<ComposeMaker>> open(engine::Engine& engine,
                                                          const config::ComposeService& wanted,
                                                          const std::string& workspace_folder,
                                                          const std::string& compose_path);

  base::Result<std::optional<target::Target>> find() override;
  base::Result<void> resume(const target::Target& container) override;
  base::Result<void> remove(const target::Target& container) override;
  base::Result<PreparedImage> prepare_image() override;
  base::Result<std::string> create(const CreationPlan& plan) override;
  std::string compose_project() const override { return project_.name; }
  std::map<std::string, config::NatWish> nat_wishes() const override;
  std::vector<std::string> warnings() const override { return config_.warnings; }

 private:
  ComposeMaker(engine::Engine& engine, const config::ComposeService& wanted,
               std::string workspace_folder)
      : engine_(engine), wanted_(wanted), workspace_folder_(std::move(workspace_folder)) {}

  base::Result<void> read_project(const std::string& compose_path);
  void choose_files(const std::string& dot_env);
  void choose_name(const std::string& dot_env);
  const ComposeService& service() const { return config_.services.at(wanted_.service); }
  // What `up` and `build` name; none = all.
  std::vector<std::string> services() const;
  bool any_builds() const;  // asking Compose to build nothing costs a start of it
  std::string override_text(const CreationPlan& plan) const;

  engine::Engine& engine_;
  const config::ComposeService wanted_;
  const std::string workspace_folder_;
  engine::ComposeTool tool_;
  engine::ComposeProject project_;
  ComposeConfig config_;
  std::string file_version_;
  std::string image_;  // as prepared
};

}  // namespace fairlead::workspace
