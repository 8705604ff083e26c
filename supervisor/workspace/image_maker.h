// Containers from an image or a Dockerfile. SPEC.md "Creation". Calls block.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "supervisor/workspace/configuration.h"
#include "supervisor/workspace/container_maker.h"

namespace fairlead::workspace {

class ImageMaker : public ContainerMaker {
 public:
  // All of them outlive this.
  ImageMaker(engine::Engine& engine, const Configuration& configuration,
             const std::function<void(const std::string&)>& say)
      : engine_(engine), configuration_(configuration), say_(say) {}

  base::Result<std::optional<target::Target>> find() override;
  base::Result<void> resume(const target::Target& container) override;
  base::Result<void> remove(const target::Target& container) override;
  base::Result<PreparedImage> prepare_image() override;
  base::Result<std::string> create(const CreationPlan& plan) override;

 private:
  engine::Engine& engine_;
  const Configuration& configuration_;
  const std::function<void(const std::string&)>& say_;
};

}  // namespace fairlead::workspace
