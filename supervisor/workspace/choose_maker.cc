#include "supervisor/workspace/choose_maker.h"

#include "supervisor/workspace/compose_maker.h"
#include "supervisor/workspace/image_maker.h"

namespace fairlead::workspace {

base::Result<std::unique_ptr<ContainerMaker>> choose_maker(const MakerContext& context) {
  if (const auto& compose = context.configuration.config().compose) {
    auto maker = ComposeMaker::open(context.engine, *compose,
                                    context.configuration.identity().folder, context.compose_path);
    if (!maker) return maker.error();
    return std::unique_ptr<ContainerMaker>(std::move(*maker));
  }
  return std::unique_ptr<ContainerMaker>(
      std::make_unique<ImageMaker>(context.engine, context.configuration, context.say));
}

}  // namespace fairlead::workspace
