#include "supervisor/workspace/image_maker.h"

#include <filesystem>

#include "supervisor/workspace/build_arguments.h"
#include "supervisor/workspace/container_arguments.h"

namespace fairlead::workspace {

base::Result<std::optional<target::Target>> ImageMaker::find() {
  return find_container(engine_, configuration_.identity());
}

base::Result<void> ImageMaker::resume(const target::Target& container) {
  if (container.running) return {};
  say_("Starting container " + container.name);
  return engine_.start(container.id);
}

base::Result<void> ImageMaker::remove(const target::Target& container) {
  return engine_.remove(container.id);
}

base::Result<PreparedImage> ImageMaker::prepare_image() {
  const config::DevcontainerConfig& config = configuration_.config();
  PreparedImage image;
  image.name = config.image;
  if (config.build) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(config.build->dockerfile, ignored)) {
      return base::plain_error("there is no Dockerfile " + config.build->dockerfile);
    }
    image.name = image_name(configuration_.identity().folder);
    say_("Building image " + image.name + " from " + config.build->dockerfile);
    auto built = engine_.build(build_arguments(*config.build, image.name), nullptr);
    if (!built) return built.error();
  }
  auto description = engine_.inspect_image(image.name, !config.build);
  if (!description) return description.error();
  image.description = std::move(*description);
  image.run_user = user_of_run_args(config.run_args);
  return image;
}

base::Result<std::string> ImageMaker::create(const CreationPlan& plan) {
  say_("Creating a container from image " + plan.image.name);
  return engine_.run(container_arguments(plan));
}

}  // namespace fairlead::workspace
