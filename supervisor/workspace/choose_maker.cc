#include "supervisor/workspace/choose_maker.h"

#include "supervisor/workspace/image_maker.h"

namespace fairlead::workspace {

base::Result<std::unique_ptr<ContainerMaker>> choose_maker(const MakerContext& context) {
  if (context.configuration.config().compose) {
    return base::plain_error("\"dockerComposeFile\" is not supported yet");
  }
  return std::unique_ptr<ContainerMaker>(
      std::make_unique<ImageMaker>(context.engine, context.configuration, context.say));
}

}  // namespace fairlead::workspace
