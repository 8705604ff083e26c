// Which way to make a container a configuration asks for: the one place that knows them all.
// SPEC.md "Creation".
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "supervisor/workspace/configuration.h"
#include "supervisor/workspace/container_maker.h"

namespace fairlead::workspace {

// All of them outlive what is made.
struct MakerContext {
  engine::Engine& engine;
  const Configuration& configuration;
  const std::function<void(const std::string&)>& say;
  const std::string& compose_path;  // --docker-compose-path; may be empty
};

// Of a Compose project the files are read here.
base::Result<std::unique_ptr<ContainerMaker>> choose_maker(const MakerContext& context);

}  // namespace fairlead::workspace
