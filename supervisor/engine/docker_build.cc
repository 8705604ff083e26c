// Docker's images: described over the API socket, pulled and built by its own CLI.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/child_process.h"
#include "supervisor/engine/docker_engine.h"
#include "supervisor/engine/docker_json.h"

namespace fairlead::engine {

base::Result<int> DockerEngine::run_loudly(std::vector<std::string> arguments, int stdin_fd) {
  base::SpawnOptions options;
  options.argv = command(std::move(arguments));
  options.stdin_fd = stdin_fd;
  options.stdout_fd = STDERR_FILENO;  // stdout is the result's
  options.stderr_fd = STDERR_FILENO;
  auto child = base::spawn(options);
  if (!child) return child.error();
  return child->wait();
}

base::Result<ImageDescription> DockerEngine::inspect_image(const std::string& image,
                                                           bool pull_if_missing) {
  constexpr int kNotFound = 404;
  // It would be an option to the CLI, and something else to the API.
  if (image.empty() || image.front() == '-') {
    return base::errno_error(ENOENT, "\"" + image + "\" is no name of an image");
  }
  const auto answer = get("/images/" + percent_encode(image) + "/json");
  if (!answer) return answer.error();
  if (answer->status == 200) return parse_docker_image(answer->body);
  if (answer->status != kNotFound) {
    return base::plain_error("Docker: " + docker_message(answer->body));
  }
  if (!pull_if_missing) return base::errno_error(ENOENT, "image " + image);
  const auto pulled = run_loudly({"pull", image});
  if (!pulled) return pulled.error();
  if (*pulled != 0) {
    return base::plain_error("image " + image + " is not here and cannot be pulled (docker pull " +
                             "failed with status " + std::to_string(*pulled) +
                             "; its message is above)");
  }
  return inspect_image(image, false);
}

base::Result<void> DockerEngine::build(const std::vector<std::string>& arguments,
                                       const base::UniqueFd* stdin_file) {
  std::vector<std::string> words{"build"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto status = run_loudly(std::move(words), stdin_file != nullptr ? stdin_file->get() : -1);
  if (!status) return status.error();
  if (*status != 0) {
    return base::plain_error("docker build failed with status " + std::to_string(*status) +
                             " (its message is above)");
  }
  return {};
}

base::Result<void> DockerEngine::make_empty_image(const std::string& name) {
  // An archive of no file ends at once: with two blocks of zeros.
  const base::UniqueFd archive(memfd_create("fairlead-empty-image", MFD_CLOEXEC));
  if (!archive || ftruncate(archive.get(), 1024) != 0) return base::errno_error("make an archive");
  const auto status = run_loudly({"import", "-", name}, archive.get());
  if (!status) return status.error();
  if (*status != 0) {
    return base::plain_error("docker import failed with status " + std::to_string(*status) +
                             " (its message is above)");
  }
  return {};
}

}  // namespace fairlead::engine
