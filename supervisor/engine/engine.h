// A container engine, as the rest of the program sees it: what it knows of a container, and what it
// can be asked to do. One file per engine behind this interface.
// SPEC.md "Engines". Strings from an engine may come from a container's author: untrusted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/child_process.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "supervisor/engine/engine_address.h"
#include "target/target.h"

namespace fairlead::engine {

struct EngineEvent {
  enum class Kind {
    kStarted,
    kEnded,
    kPaused,
    kUnpaused,
    kRemoved,
    kNetworkChanged
  } kind = Kind::kStarted;
  std::string container_id;
};

// Questions and events, without blocking: what a supervisor uses. All callbacks on the loop's
// thread.
class EngineWatcher {
 public:
  virtual ~EngineWatcher() = default;
  // ENOENT: there is no such container.
  virtual void inspect(const std::string& id,
                       std::function<void(base::Result<target::Target>)> done) = 0;
  // Whether a running container other than this one shares its network.
  virtual void has_sharer(const std::string& id, std::function<void(bool)> done) = 0;
  // Life of all containers, until destruction. `connected` is called whenever the stream of events
  // has (again) begun: whatever happened before is to be asked for.
  virtual void watch(std::function<void()> connected,
                     std::function<void(const EngineEvent&)> on_event) = 0;
};

using Variables = std::vector<std::pair<std::string, std::string>>;

struct ExecRequest {
  std::string container_id;
  std::string user;  // empty = the container's
  std::string working_directory;
  Variables environment;
  Variables secrets;  // environment, too, but never on a command line
  std::vector<std::string> argv;
  std::string output_prefix;  // before each line of output; empty = the output as it comes
};

// What of the caller's terminal a command in the container gets.
enum class ExecInput : std::uint8_t { kNone, kStream, kTerminal };

struct ImageDescription {
  std::string id;
  std::string user;
  std::map<std::string, std::string> labels;
  std::vector<std::string> env;  // "NAME=value"
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
};

// Commands of a person at a terminal: they block, and show progress on stderr.
class Engine {
 public:
  virtual ~Engine() = default;

  // An error says what is wrong with the engine and what to do.
  virtual base::Result<void> ping() = 0;
  // Whether it could give a container a GPU. Nothing: that cannot be told.
  virtual std::optional<bool> offers_gpu() = 0;
  // By id, unique prefix or name. ENOENT with a message that names it.
  virtual base::Result<target::Target> inspect(const std::string& id) = 0;
  // All containers, running or not, that carry every one of the labels.
  virtual base::Result<std::vector<target::Target>> find_by_labels(
      const std::vector<std::string>& labels) = 0;
  // ENOENT if it is not here, and could not be or was not to be pulled; the progress of a pull is
  // shown on stderr.
  virtual base::Result<ImageDescription> inspect_image(const std::string& image,
                                                       bool pull_if_missing) = 0;
  // `arguments` as the engine's `build` takes them, the context last; "-" as that reads a
  // Dockerfile, and nothing else, from `stdin_file`. Progress on stderr.
  virtual base::Result<void> build(const std::vector<std::string>& arguments,
                                   const base::UniqueFd* stdin_file) = 0;

  // One without a layer of its own.
  virtual base::Result<void> make_empty_image(const std::string& name) = 0;

  // `arguments` as the engine's `run` takes them, image and command included. Returns the id.
  virtual base::Result<std::string> run(const std::vector<std::string>& arguments) = 0;
  virtual base::Result<void> start(const std::string& id) = 0;
  virtual base::Result<void> stop(const std::string& id, std::chrono::seconds patience) = 0;
  virtual base::Result<void> remove(const std::string& id) = 0;
  // Runs commands in the container, side by side, each to its end; output goes to our stderr. Their
  // exit statuses.
  virtual std::vector<base::Result<int>> exec(const std::vector<ExecRequest>& requests) = 0;
  // Runs one command and returns what it prints.
  virtual base::Result<std::string> exec_output(const ExecRequest& request) = 0;
  // The same whatever its status, `limit` bytes of each stream at most. ETIMEDOUT after `patience`:
  // what has been started in the container may go on.
  virtual base::Result<base::CommandOutput> exec_collect(const ExecRequest& request,
                                                         std::chrono::seconds patience,
                                                         std::size_t limit) = 0;
  // The program and the words that run the command in the container, for whoever wants to become
  // it. Secrets are not among them.
  virtual std::vector<std::string> exec_argv(const ExecRequest& request, ExecInput input) const = 0;

  // What a supervisor needs to find the same engine again.
  virtual const EngineAddress& address() const = 0;
};

}  // namespace fairlead::engine
