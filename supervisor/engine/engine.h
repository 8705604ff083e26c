// A container engine, as the rest of the program sees it: what it knows of a container, and what it
// can be asked to do. One file per engine behind this interface.
// SPEC.md "Engines". Strings from an engine may come from a container's author: untrusted.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
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

struct ExecRequest {
  std::string container_id;
  std::string user;  // empty = the container's
  std::string working_directory;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> argv;
};

// Commands of a person at a terminal: they block, and show progress on stderr.
class Engine {
 public:
  virtual ~Engine() = default;

  // An error says what is wrong with the engine and what to do.
  virtual base::Result<void> ping() = 0;
  // By id, unique prefix or name. ENOENT with a message that names it.
  virtual base::Result<target::Target> inspect(const std::string& id) = 0;
  // All containers, running or not, that carry every one of the labels.
  virtual base::Result<std::vector<target::Target>> find_by_labels(
      const std::vector<std::string>& labels) = 0;
  // A label of an image; empty if it has none, or is not here (yet).
  virtual std::string image_label(const std::string& image, const std::string& label) = 0;

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

  // What a supervisor needs to find the same engine again.
  virtual std::string endpoint() const = 0;
  virtual std::string cli_path() const = 0;  // the program behind exec
};

}  // namespace fairlead::engine
