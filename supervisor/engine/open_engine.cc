#include "supervisor/engine/open_engine.h"

#include "supervisor/engine/docker_engine.h"
#include "supervisor/engine/docker_watcher.h"
#include "supervisor/engine/native_watcher.h"

namespace fairlead::engine {

base::Result<std::unique_ptr<Engine>> open_engine(const EngineChoice& choice) {
  const auto address = find_docker(choice.cli_path);
  if (!address) return address.error();
  auto docker = std::make_unique<DockerEngine>(*address);
  if (auto answered = docker->ping(); !answered) return answered.error();
  return std::unique_ptr<Engine>(std::move(docker));
}

std::unique_ptr<EngineWatcher> open_watcher(boost::asio::io_context& loop,
                                            const std::string& endpoint,
                                            const std::string& cli_path) {
  if (auto run = parse_native_endpoint(endpoint)) {
    return std::make_unique<NativeWatcher>(loop, std::move(*run));
  }
  return std::make_unique<DockerWatcher>(loop, EngineAddress{endpoint, cli_path});
}

}  // namespace fairlead::engine
