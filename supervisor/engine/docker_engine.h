// Docker, for commands at a terminal: questions over its API socket, deeds by its own CLI (which
// knows `runArgs`, credentials and progress bars). SPEC.md "Engines".
#pragma once

#include <memory>
#include <string>

#include "supervisor/engine/engine.h"
#include "supervisor/engine/engine_http.h"

namespace fairlead::engine {

// The engine that the docker CLI would talk to: DOCKER_HOST, the current context, the default.
base::Result<EngineAddress> find_docker(const std::string& docker_path);

// Its deeds in docker_engine.cc; images in docker_build.cc; commands in docker_exec.cc.
class DockerEngine : public Engine {
 public:
  explicit DockerEngine(EngineAddress address);

  base::Result<void> ping() override;
  std::optional<bool> offers_gpu() override;
  base::Result<target::Target> inspect(const std::string& id) override;
  base::Result<std::vector<target::Target>> find_by_labels(
      const std::vector<std::string>& labels) override;
  base::Result<void> make_empty_image(const std::string& name) override;
  base::Result<ImageDescription> inspect_image(const std::string& image,
                                               bool pull_if_missing) override;
  base::Result<void> build(const std::vector<std::string>& arguments,
                           const base::UniqueFd* stdin_file) override;
  base::Result<std::string> run(const std::vector<std::string>& arguments) override;
  base::Result<void> start(const std::string& id) override;
  base::Result<void> stop(const std::string& id, std::chrono::seconds patience) override;
  base::Result<void> remove(const std::string& id) override;
  std::vector<base::Result<int>> exec(const std::vector<ExecRequest>& requests) override;
  base::Result<std::string> exec_output(const ExecRequest& request) override;
  base::Result<base::CommandOutput> exec_collect(const ExecRequest& request,
                                                 std::chrono::seconds patience,
                                                 std::size_t limit) override;
  std::vector<std::string> exec_argv(const ExecRequest& request, ExecInput input) const override;
  const EngineAddress& address() const override { return address_; }

 private:
  base::Result<HttpResponse> get(const std::string& target);
  std::vector<std::string> command(std::vector<std::string> arguments) const;
  // Runs the CLI with its output on our stderr, to its end.
  base::Result<int> run_loudly(std::vector<std::string> arguments, int stdin_fd = -1);
  // Runs the CLI quietly; its own message becomes the error.
  base::Result<std::string> run_quietly(std::vector<std::string> arguments,
                                        std::chrono::seconds patience);

  const EngineAddress address_;
};

}  // namespace fairlead::engine
